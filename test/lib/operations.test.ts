import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { log } from '../../lambda/adapters/logging/structured-log.ts';
import { countedEvents, measuredEvents } from '../../lambda/shared/metric-names.ts';
import type { HoldfastStackProps } from '../../lib/holdfast-stack.ts';
import { type AlarmRules, alarmDefaults } from '../../lib/settings/alarm-settings.ts';
import { resourcesOf, type SynthesizedTemplate, synthesize } from '../support/synthesized-template.ts';

/** The CloudWatch dashboard and the alarms: their metrics exist, and functions count them. */

const root = join(__dirname, '../..');

/** Resolves every reference to its logical id, so that it can be compared with the function name in a log line. */
function withLogicalIds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withLogicalIds);
  if (typeof value !== 'object' || value === null) return value;
  if ('Ref' in value) return value.Ref;
  if ('Fn::GetAtt' in value) return (value['Fn::GetAtt'] as string[]).join('.');
  if ('Fn::Join' in value) {
    const [separator, members] = value['Fn::Join'] as [string, unknown[]];
    return members.map(withLogicalIds).join(separator);
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withLogicalIds(each)]));
}

type Widget = {
  type: string;
  properties: { title?: string; metrics?: unknown[][]; query?: string; alarms?: string[] };
};
type MetricId = { namespace: string; name: string; dimensions: Record<string, string> };

const prod = (props: HoldfastStackProps = {}) => synthesize({ stage: 'prod', ...props });

function widgetsOf(template: SynthesizedTemplate): Widget[] {
  const [, { Properties }] = resourcesOf(template, 'AWS::CloudWatch::Dashboard')[0]!;
  return JSON.parse(withLogicalIds(Properties.DashboardBody) as string).widgets;
}

/** Every metric of every widget. A widget writes `.` for a value that repeats the line above. */
function dashboardMetrics(template: SynthesizedTemplate): MetricId[] {
  return widgetsOf(template).flatMap(({ properties: { metrics = [] } }) => {
    let above: unknown[] = [];
    return metrics.map((metric) => {
      const path = metric
        .filter((each) => typeof each === 'string')
        .map((each, index) => (each === '.' ? above[index] : each));
      above = path;
      const [namespace, name, ...pairs] = path as string[];
      const dimensions = Object.fromEntries(
        Array.from({ length: pairs.length / 2 }, (_, index) => [pairs[index * 2]!, pairs[index * 2 + 1]!]),
      );
      return { namespace: namespace!, name: name!, dimensions };
    });
  });
}

const alarmsOf = (template: SynthesizedTemplate) => resourcesOf(template, 'AWS::CloudWatch::Alarm');

function alarmMetrics(template: SynthesizedTemplate): MetricId[] {
  return alarmsOf(template).flatMap(([, { Properties }]) => {
    const metrics = Properties.Metrics?.flatMap(
      ({ MetricStat }: { MetricStat?: { Metric: object } }) => MetricStat?.Metric ?? [],
    );
    return (metrics ?? [Properties]).map(({ Namespace, MetricName, Dimensions }: typeof Properties) => ({
      namespace: Namespace,
      name: MetricName,
      dimensions: Object.fromEntries(
        Dimensions.map(({ Name, Value }: { Name: string; Value: unknown }) => [Name, withLogicalIds(Value)]),
      ),
    }));
  });
}

/** An import of a relative path that is not type-only. */
const IMPORT = /^(?:import|export) (?!type )[^;]*?from '(\.[^']+)'|import\('(\.[^']+)'\)/gm;

/** The bundle of the MCP function reaches this file by a name that the bundler resolves. */
const sdkPath = 'lambda/core/mcp/fast-path/sdk-path.ts';

/** The events that the function's source files log. */
function eventsOf(entry: string): Set<string> {
  const files = new Set<string>();
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    for (const [, first, lazy] of readFileSync(join(root, file), 'utf8').matchAll(IMPORT)) {
      visit(normalize(join(dirname(file), (first ?? lazy)!)));
    }
  };
  visit(entry);
  if (entry === entryOf.Mcp) visit(sdkPath);
  const sources = Array.from(files, (file) => readFileSync(join(root, file), 'utf8')).join('\n');
  return new Set(Array.from(sources.matchAll(/\blog(?:Failure)?\(\s*'(\w+)'/g), ([, event]) => event!));
}

const entryOf = {
  Authorizer: 'lambda/functions/authorizer.ts',
  Mcp: 'lambda/functions/mcp.ts',
  Worker: 'lambda/functions/mcp.ts',
  AuditTools: 'lambda/functions/audit-tools.ts',
  OAuth: 'lambda/functions/oauth.ts',
  SignIn: 'lambda/functions/dashboard-sign-in.ts',
  Dashboard: 'lambda/functions/dashboard.ts',
  Rollup: 'lambda/functions/aggregation.ts',
  PublicKeys: 'lambda/functions/public-key-reader.ts',
  Telemetry: 'lambda/functions/telemetry.ts',
};
type EntryName = keyof typeof entryOf;

/** The metrics that CloudWatch extracts from the lines that a function writes when it logs the event. */
function metricsFrom(event: string, functionName: string): MetricId[] {
  const lines: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  process.env.AWS_LAMBDA_FUNCTION_NAME = functionName;
  log(event);
  delete process.env.AWS_LAMBDA_FUNCTION_NAME;
  write.mockRestore();
  return lines.flatMap((line) => {
    expect(line).toMatch(/^\{.*\}\n$/);
    const { _aws, ...values } = JSON.parse(line);
    return (_aws?.CloudWatchMetrics ?? []).flatMap(
      ({
        Namespace,
        Dimensions,
        Metrics,
      }: {
        Namespace: string;
        Dimensions: string[][];
        Metrics: { Name: string }[];
      }) =>
        Metrics.flatMap(({ Name }) => {
          if (Object.hasOwn(countedEvents, Name)) expect(values[Name]).toBe(1);
          return Dimensions.map((names) => ({
            namespace: Namespace,
            name: Name,
            dimensions: Object.fromEntries(names.map((each) => [each, values[each]])),
          }));
        }),
    );
  });
}

/** Every metric that the functions of the template count. */
function emittedMetrics(template: SynthesizedTemplate): MetricId[] {
  return resourcesOf(template, 'AWS::Lambda::Function').flatMap(([id]) => {
    const name = /^(.*)Function[0-9A-F]{8}$/.exec(id)![1]! as EntryName;
    return Array.from(eventsOf(entryOf[name]), (event) => metricsFrom(event, id)).flat();
  });
}

/** Settings that add functions and alarms. */
const optionalFunctions: HoldfastStackProps = {
  auditTools: true,
  telemetry: { endpoint: 'https://otlp.example.com' },
  workloads: [{ name: 'deploy', profile: 'github', subject: 'repo:acme/shop:*', scopes: ['mcp'] }],
};

const ofHoldfast = (metrics: MetricId[]) => metrics.filter(({ namespace }) => namespace === 'Holdfast');

describe('metrics', () => {
  test.each([
    ['prod', {}],
    ['prod with every alarm', { alarms: { tableThrottles: {} } }],
    ['prod with audit tools and telemetry', optionalFunctions],
  ])('of widgets and alarms in %s are counted by the functions', (_name, props) => {
    const template = prod(props);
    const emitted = emittedMetrics(template);
    expect(ofHoldfast(alarmMetrics(template)).length).toBeGreaterThan(3);
    expect(ofHoldfast(dashboardMetrics(template)).length).toBeGreaterThan(10);
    for (const each of [...ofHoldfast(alarmMetrics(template)), ...ofHoldfast(dashboardMetrics(template))])
      expect(emitted).toContainEqual(each);
  });

  test('of the functions are all on the dashboard', () => {
    const template = prod(optionalFunctions);
    expect(ofHoldfast(dashboardMetrics(template))).toEqual(expect.arrayContaining(emittedMetrics(template)));
  });

  test('are counted by the functions that countedEvents declares', () => {
    for (const [event, names] of Object.entries(countedEvents)) {
      for (const name of names) expect([...eventsOf(entryOf[name])]).toContain(event);
      expect(metricsFrom(event, 'F')).toEqual([
        { namespace: 'Holdfast', name: event, dimensions: { FunctionName: 'F' } },
      ]);
    }
  });

  test('are measured by the functions that measuredEvents declares', () => {
    for (const [event, { functions, members }] of Object.entries(measuredEvents)) {
      for (const name of functions) expect([...eventsOf(entryOf[name])]).toContain(event);
      expect(metricsFrom(event, 'F').map(({ name }) => name)).toEqual(members);
    }
  });

  test('do not include events that are only logged', () => {
    expect(metricsFrom('mcp_request_rejected', 'F')).toEqual([]);
  });

  test('of AWS have the dimensions that AWS publishes', () => {
    const template = prod();
    const dimensionsOf: Record<string, string[]> = {
      'AWS/Lambda': ['FunctionName'],
      'AWS/DynamoDB': ['TableName'],
      'AWS/ApiGateway': ['ApiName'],
      Holdfast: ['FunctionName'],
    };
    for (const { namespace, dimensions } of [...alarmMetrics(template), ...dashboardMetrics(template)]) {
      expect(Object.keys(dimensions)).toEqual(dimensionsOf[namespace]);
    }
  });

  test('and alarms are documented in docs/operate.md', () => {
    const page = readFileSync(join(root, 'docs/operate.md'), 'utf8');
    const section = page.slice(page.indexOf('## Metrics'), page.indexOf('## Limits'));
    for (const name of [...Object.keys(countedEvents), ...Object.keys(alarmDefaults)])
      expect(section).toContain(`\`${name}\``);
    for (const [name, { threshold, evaluationPeriods }] of Object.entries(alarmDefaults)) {
      expect(section).toMatch(new RegExp(`^\\| \`${name}\` \\|.*\\| ${threshold} \\| ${evaluationPeriods} \\|`, 'm'));
    }
  });
});

describe('the free tier of CloudWatch', () => {
  test('covers ten metrics with alarms, and one dashboard of fifty metrics', () => {
    const template = prod();
    expect(alarmMetrics(template).length).toBeLessThanOrEqual(10);
    expect(resourcesOf(template, 'AWS::CloudWatch::Dashboard')).toHaveLength(1);
    expect(dashboardMetrics(template).length).toBeLessThanOrEqual(50);
  });

  test('is not used by dev stacks', () => {
    const template = synthesize();
    expect(alarmsOf(template)).toEqual([]);
    expect(resourcesOf(template, 'AWS::CloudWatch::Dashboard')).toEqual([]);
    expect(alarmsOf(synthesize({ operations: true })).length).toBeGreaterThan(0);
  });
});

describe('the CloudWatch dashboard', () => {
  test('contains accounts, regions and stacks only as references', () => {
    const body = JSON.stringify(resourcesOf(prod(), 'AWS::CloudWatch::Dashboard')[0]![1].Properties);
    expect(body).not.toMatch(/\d{12}|(us|eu|ap)-[a-z]+-\d|https?:/);
  });

  test('queries only fields of the access log', () => {
    const [, { Properties }] = resourcesOf(prod(), 'AWS::ApiGateway::Stage')[0]!;
    const fields = Object.keys(JSON.parse(Properties.AccessLogSetting.Format));
    const queries = widgetsOf(prod()).flatMap(({ properties: { query } }) => query ?? []);
    expect(queries).toHaveLength(4);
    const accessLogQueries = queries.filter((query) => query.includes("SOURCE 'GatewayAccessLog"));
    expect(accessLogQueries).toHaveLength(3);
    for (const query of accessLogQueries) {
      const available = [...fields, '@timestamp', 'requests', 'errors', 'last', 'users'];
      const named = Array.from(
        query
          .replace(/SOURCE '[^']+'/g, '')
          .matchAll(/(?:by|filter|sort|ispresent\(|count_distinct\(|max\(|sum\() *([@\w]+(?:, \w+)*)/g),
        ([, names]) => names!.split(', '),
      ).flat();
      expect(named.filter((each) => !available.includes(each) && !['ispresent', 'bin'].includes(each))).toEqual([]);
    }
  });
});

describe('alarms', () => {
  const alarm = (template: SynthesizedTemplate, name: string) =>
    alarmsOf(template).find(([id]) => id.startsWith(`Operations${name}`))?.[1].Properties;

  test('can have other thresholds, or be omitted', () => {
    const alarms: AlarmRules = { refreshReuse: { threshold: 3, evaluationPeriods: 2 }, latency: false };
    const template = prod({ alarms });
    expect(alarm(template, 'RefreshReuse')).toMatchObject({ Threshold: 3, EvaluationPeriods: 2 });
    expect(alarm(template, 'Latency')).toBeUndefined();
    expect(alarm(template, 'CodeReuse')).toMatchObject({ Threshold: 1, EvaluationPeriods: 1 });
    expect(alarm(template, 'TableThrottles')).toBeUndefined();
    expect(alarm(prod({ alarms: { tableThrottles: {} } }), 'TableThrottles')).toBeDefined();
  });

  test('end their description with the address of their section of the runbook', () => {
    const headings = Array.from(
      readFileSync(join(root, 'docs/operate.md'), 'utf8').matchAll(/^#+ (.+)$/gm),
      ([, heading]) => heading!.toLowerCase().replaceAll(' ', '-'),
    );
    const sections = (template: SynthesizedTemplate) =>
      alarmsOf(template).map(([, { Properties }]) =>
        /What to do: (\S+)#(\w+)$/.exec(Properties.AlarmDescription)!.slice(1),
      );
    const all = prod({ ...optionalFunctions, alarms: { latency: {}, tableThrottles: {} } });
    expect(sections(all)).toHaveLength(Object.keys(alarmDefaults).length);
    for (const [page, anchor] of sections(all)) {
      expect(page).toBe('docs/operate.md');
      expect(headings).toContain(anchor);
    }
    const runbookUrl = 'https://wiki.example.com/operate';
    expect(new Set(sections(prod({ runbookUrl })).map(([page]) => page))).toEqual(new Set([runbookUrl]));
  });

  test('do not go off without data', () => {
    for (const [, { Properties }] of alarmsOf(prod())) expect(Properties.TreatMissingData).toBe('notBreaching');
  });

  test('send no notifications by default', () => {
    const template = prod();
    expect(resourcesOf(template, 'AWS::SNS::Topic')).toEqual([]);
    for (const [, { Properties }] of alarmsOf(template)) expect(Properties.AlarmActions).toBeUndefined();
  });

  test('go to an e-mail address, through a topic to which only CloudWatch of this account publishes', () => {
    const template = prod({ alarmEmail: 'ops@example.com' });
    const [[topic] = []] = resourcesOf(template, 'AWS::SNS::Topic');
    expect(resourcesOf(template, 'AWS::SNS::Subscription')[0]![1].Properties).toMatchObject({
      Protocol: 'email',
      Endpoint: 'ops@example.com',
    });
    for (const [, { Properties }] of alarmsOf(template)) {
      expect([Properties.AlarmActions, Properties.OKActions]).toEqual([[{ Ref: topic }], [{ Ref: topic }]]);
    }
    const { Statement } = resourcesOf(template, 'AWS::SNS::TopicPolicy')[0]![1].Properties.PolicyDocument;
    expect(Statement).toContainEqual({
      Sid: expect.any(String),
      Effect: 'Allow',
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Action: 'sns:Publish',
      Resource: { Ref: topic },
      Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
    });
  });

  test('go to an existing topic', () => {
    const alarmTopic = 'arn:aws:sns:eu-west-1:111122223333:pager';
    const template = prod({ alarmTopic });
    expect(resourcesOf(template, 'AWS::SNS::Topic')).toEqual([]);
    expect(alarm(template, 'ServerErrors').AlarmActions).toEqual([alarmTopic]);
  });

  test('of functions that a setting adds exist with the setting alone', () => {
    const names = ['AuditToolErrors', 'TelemetryFailures'];
    for (const name of names) expect(alarm(prod(), name)).toBeUndefined();
    for (const name of names) expect(alarm(prod(optionalFunctions), name)).toBeDefined();
  });

  test('of absent functions do not exist in direct mode', () => {
    const identityProvider = { mode: 'direct', issuer: 'https://login.example.com', profile: 'workos' } as const;
    const template = prod({ identityProvider });
    const ids = alarmsOf(template).map(([id]) => id);
    expect(ids.some((id) => /RefreshReuse|CodeReuse|SignInOutages/.test(id))).toBe(false);
    expect(alarm(template, 'AuthorizerFailures')).toBeDefined();
  });

  test('of sign-ins count those to the dashboard in direct mode', () => {
    const identityProvider = { mode: 'direct', issuer: 'https://login.example.com', clientId: 'holdfast' } as const;
    const template = prod({ identityProvider });
    const [id] = resourcesOf(template, 'AWS::Lambda::Function').find(([each]) => each.startsWith('SignInFunction'))!;
    for (const name of ['SignInOutages', 'SignInMisconfigured']) {
      expect(alarm(template, name).Dimensions).toEqual([{ Name: 'FunctionName', Value: { Ref: id } }]);
    }
  });

  test.each<[string, HoldfastStackProps]>([
    ['alarms.latency.threshold', { alarms: { latency: { threshold: 0 } } }],
    ['alarms.latency.evaluationPeriods', { alarms: { latency: { evaluationPeriods: 1.5 } } }],
    ['alarms has "pager"', { alarms: { pager: false } as AlarmRules }],
    ['alarmEmail is', { alarmEmail: 'ops' }],
    ['alarmTopic is', { alarmTopic: 'pager' }],
    ['runbookUrl is', { runbookUrl: 'wiki.example.com/operate#top' }],
    ['both', { alarmEmail: 'ops@example.com', alarmTopic: 'arn:aws:sns:eu-west-1:111122223333:pager' }],
    ['without operations', { operations: false, alarmEmail: 'ops@example.com' }],
  ])('are rejected when they cannot work: %s', (message, props) => {
    expect(() => prod(props)).toThrow(message);
  });
});
