import { slideEverySeconds } from '../../lambda/core/sessions/sessions.ts';
import { measuredEvents } from '../../lambda/shared/metric-names.ts';

/** The parts of a template that are read. */
export type TemplateJson = {
  // biome-ignore lint/suspicious/noExplicitAny: a template is JSON whose shape differs by type
  Resources: Record<string, { Type: string; Properties?: any }>;
};

export type PricedFunction = { gigabytes: number; isArm: boolean; writesPlatformLines: boolean };
export type FunctionName = 'Mcp' | 'Authorizer' | 'OAuth' | 'Dashboard' | 'Rollup' | 'Telemetry';

/** The priced parts of a stack. */
export type Stack = {
  functions: Partial<Record<FunctionName, PricedFunction>>;
  keys: number;
  rotatingKeys: number;
  /** CloudWatch charges for each metric of an alarm. */
  alarmedMetrics: number;
  dashboards: number;
  /** Custom metrics that are sent whenever there are calls. Those of failures are sent only when there are any. */
  metricsOfCalls: number;
  hasCloudFront: boolean;
  hasCognito: boolean;
  firewalls: number;
  firewallRules: number;
  secrets: number;
  /** How long the gateway caches the authorizer's result; 0: no cache. */
  authorizerCacheSeconds: number;
  indexes: string[];
  hasHistory: boolean;
  auditRetentionDays: number;
  logRetentionDays: number;
  /** From one extension of a busy session to the next. */
  extensionSeconds: number;
  /** A typical line of the access log. */
  accessLogBytes: number;
  rollupsPerDay: number;
  /** Runs of the OAuth function by its schedule: revocations at the identity provider. */
  revocationRunsPerDay: number;
  /** Runs of the export of telemetry. */
  exportsPerDay: number;
};

const MINUTES: Record<string, number> = { minute: 1, minutes: 1, hour: 60, hours: 60, day: 1440, days: 1440 };

/** Values of typical length. IPv6 addresses are longer; the keys of users are digests. */
const usualValues: Record<string, string> = {
  'context.requestId': '8f507cfc-4697-4b7a-ac58-fc914c95aaaa',
  'context.requestTimeEpoch': '1763971200000',
  'context.identity.sourceIp': '203.0.113.100',
  'context.httpMethod': 'POST',
  'context.path': '/v1/mcp',
  'context.status': '200',
  'context.responseLatency': '35',
  'context.responseLength': '1500',
  'context.authorizer.user': 'x'.repeat(43),
  'context.authorizer.client': `https://${'x'.repeat(40)}`,
  'context.error.responseType': '-',
};

export function readStack({ Resources }: TemplateJson): Stack {
  const all = Object.entries(Resources);
  const of = (type: string) => all.filter(([, { Type }]) => Type === type).map(([, { Properties = {} }]) => Properties);
  const functions = functionsIn(Resources);
  const [table] = [...of('AWS::DynamoDB::GlobalTable'), ...of('AWS::DynamoDB::Table')];
  const [stage] = of('AWS::ApiGateway::Stage');
  const variables = of('AWS::Lambda::Function').map(({ Environment }) => Environment?.Variables ?? {});
  const retention = variables.map(({ AUDIT_RETENTION_DAYS }) => Number(AUDIT_RETENTION_DAYS ?? 0));
  /** Of the schedule that invokes the function. */
  const runsPerDay = (name: FunctionName) => {
    const rule = of('AWS::Events::Rule').find(({ Targets }) => JSON.stringify(Targets).includes(`"${name}Function`));
    return rule ? 1440 / minutesOf(rule.ScheduleExpression) : 0;
  };
  const acls = of('AWS::WAFv2::WebACL');
  return {
    functions,
    keys: of('AWS::KMS::Key').length,
    rotatingKeys: of('AWS::KMS::Key').filter(({ EnableKeyRotation }) => EnableKeyRotation).length,
    alarmedMetrics: of('AWS::CloudWatch::Alarm').reduce((sum, { Metrics = [{ MetricStat: {} }] }) => {
      return sum + Metrics.filter(({ MetricStat }: { MetricStat?: unknown }) => MetricStat).length;
    }, 0),
    dashboards: of('AWS::CloudWatch::Dashboard').length,
    metricsOfCalls: functions.Rollup ? measuredEvents.calls_aggregated.members.length : 0,
    hasCloudFront: of('AWS::CloudFront::Distribution').length > 0,
    hasCognito: of('AWS::Cognito::UserPool').length > 0,
    firewalls: acls.length,
    firewallRules: acls.reduce((sum, { Rules = [] }) => sum + Rules.length, 0),
    secrets: variables.some(({ IDP_CLIENT_SECRET_ARN }) => IDP_CLIENT_SECRET_ARN !== undefined) ? 1 : 0,
    authorizerCacheSeconds: of('AWS::ApiGateway::Authorizer')[0]?.AuthorizerResultTtlInSeconds ?? 300,
    indexes: (table?.GlobalSecondaryIndexes ?? []).map(({ IndexName }: { IndexName: string }) => IndexName),
    hasHistory: JSON.stringify(table ?? {}).includes('"PointInTimeRecoveryEnabled":true'),
    auditRetentionDays: Math.max(0, ...retention),
    logRetentionDays: Math.max(0, ...of('AWS::Logs::LogGroup').map(({ RetentionInDays = 0 }) => RetentionInDays)),
    extensionSeconds: slideEverySeconds(
      3600 * Math.max(...variables.map(({ MCP_SESSION_TTL_HOURS: hours }) => Number(hours ?? 0))),
    ),
    accessLogBytes: lineBytes(stage?.AccessLogSetting?.Format),
    rollupsPerDay: runsPerDay('Rollup'),
    revocationRunsPerDay: runsPerDay('OAuth'),
    exportsPerDay: runsPerDay('Telemetry'),
  };
}

/** The stack with the setting `telemetry`, whose function runs as often as the aggregation job, with half its memory. */
export function withTelemetry(stack: Stack): Stack {
  const { Rollup } = stack.functions;
  const Telemetry = Rollup && { ...Rollup, gigabytes: Rollup.gigabytes / 2 };
  return {
    ...stack,
    exportsPerDay: stack.rollupsPerDay,
    functions: { ...stack.functions, ...(Telemetry && { Telemetry }) },
  };
}

function functionsIn(resources: TemplateJson['Resources']): Stack['functions'] {
  const names: FunctionName[] = ['Mcp', 'Authorizer', 'OAuth', 'Dashboard', 'Rollup', 'Telemetry'];
  const found = names.flatMap((name): [FunctionName, PricedFunction][] => {
    const [, resource] =
      Object.entries(resources).find(
        ([id, { Type }]) => Type === 'AWS::Lambda::Function' && id.startsWith(`${name}Function`),
      ) ?? [];
    if (!resource) return [];
    const { MemorySize = 128, Architectures = ['x86_64'], LoggingConfig = {} } = resource.Properties ?? {};
    const { LogFormat = 'Text', SystemLogLevel = 'INFO' } = LoggingConfig;
    const writesPlatformLines = LogFormat === 'Text' || SystemLogLevel !== 'WARN';
    return [[name, { gigabytes: MemorySize / 1024, isArm: Architectures[0] === 'arm64', writesPlatformLines }]];
  });
  return Object.fromEntries(found);
}

/** `rate(5 minutes)` → 5. */
function minutesOf(expression: string): number {
  const [, count, unit = ''] = /^rate\((\d+) (\w+)\)$/.exec(expression) ?? [];
  const minutes = MINUTES[unit];
  if (minutes === undefined) throw new Error(`The schedule is ${expression}: only rates are supported`);
  return Number(count) * minutes;
}

const lineBytes = (format: string | undefined): number =>
  format === undefined
    ? 0
    : format.replace(/\$([\w.]+\w)/g, (_, name) => usualValues[name] ?? 'x'.repeat(20)).length + 1;
