import { type AlarmName, alarmDefaults } from '../../lib/settings/alarm-settings.ts';
import { type AlarmProperties, alarmState, type SampleSeries } from '../support/alarm-evaluator.ts';
import { resourcesOf, synthesize } from '../support/synthesized-template.ts';

/** Each alarm on a healthy and on a sick deployment: its metric, statistic, threshold, direction and periods. */

/** Every metric of AWS that alarms and the CloudWatch dashboard may name. A misspelt name has no data, and no error. */
const awsMetrics: Record<string, { source: string; names: string[] }> = {
  'AWS/Lambda': {
    source: 'https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html',
    names: ['Invocations', 'Errors', 'Throttles', 'Duration', 'ConcurrentExecutions'],
  },
  'AWS/DynamoDB': {
    source: 'https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html',
    names: ['ConsumedReadCapacityUnits', 'ConsumedWriteCapacityUnits', 'ReadThrottleEvents', 'WriteThrottleEvents'],
  },
  'AWS/ApiGateway': {
    source: 'https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html',
    names: ['Count', '4XXError', '5XXError', 'Latency', 'IntegrationLatency'],
  },
};

const none: number[][] = [[], [], []];

/** Samples of one period; an array of zeros and ones is a share of requests. */
const share = (failed: number, all: number) => Array.from({ length: all }, (_, index) => (index < failed ? 1 : 0));
const ones = (count: number) => Array.from({ length: count }, () => 1);

type States = { healthy: SampleSeries[]; sick: SampleSeries[] };

const events = (name: string, few: number, many: number): States => ({
  healthy: [{ [name]: none }, { [name]: [[], [], ones(few)] }, { [name]: [ones(many), ones(many), []] }],
  sick: [{ [name]: [[], [], ones(many)] }],
});

/** The metric of each alarm is a name of `metric-names.ts`, or of `awsMetrics`. */
const states: Record<AlarmName, States> = {
  sessionFailures: events('session_failed', 4, 5),
  refreshReuse: events('refresh_reuse', 0, 1),
  codeReuse: events('code_reuse', 0, 1),
  assertionRefusals: events('trusted_assertion_rejected', 4, 5),
  authorizerFailures: events('authorizer_failed', 4, 5),
  signInOutages: events('service_unavailable', 4, 5),
  signInMisconfigured: events('upstream_misconfigured', 0, 1),
  auditFailures: events('audit_write_failed', 0, 1),
  workerErrors: {
    ...events('Errors', 0, 1),
    healthy: [{ Errors: none }, { Errors: [share(0, 9), share(0, 9), share(0, 9)] }],
  },
  telemetryFailures: {
    healthy: [
      { telemetry_export_failed: none },
      // The next run has exported the same calls.
      { telemetry_export_failed: [[], [], ones(1)] },
    ],
    sick: [{ telemetry_export_failed: [[], ones(1), ones(1)] }],
  },
  auditToolErrors: {
    ...events('Errors', 0, 1),
    healthy: [{ Errors: none }, { Errors: [share(0, 9), share(0, 9), share(0, 9)] }],
  },
  serverErrors: {
    // One period with errors is a deployment; many failures among more requests are a small share.
    healthy: [
      { '5XXError': none },
      { '5XXError': [[], share(50, 100), share(0, 100)] },
      { '5XXError': [share(4, 100), share(40, 1000), share(4, 100)] },
    ],
    sick: [{ '5XXError': [share(0, 100), share(5, 100), share(50, 1000)] }, { '5XXError': [[], [1], [1]] }],
  },
  latency: {
    healthy: [
      { Latency: none },
      { Latency: [[1000], [29_999], [29_999]] },
      // One slow request of two hundred.
      { Latency: Array.from({ length: 3 }, () => [900_000, ...Array.from({ length: 199 }, () => 200)]) },
      { Latency: [[200], [60_000], [60_000]] },
    ],
    sick: [{ Latency: [[30_000], [30_000], [30_000]] }],
  },
  throttling: {
    healthy: [{ Throttles: none }, { Throttles: [[], [0], [9]] }],
    sick: [{ Throttles: [[], [1], [0, 1]] }],
  },
  tableThrottles: {
    healthy: [
      { ReadThrottleEvents: none, WriteThrottleEvents: none },
      { ReadThrottleEvents: [[], [], [5]], WriteThrottleEvents: none },
    ],
    // DynamoDB reports throttled reads and writes each by itself.
    sick: [
      { ReadThrottleEvents: [[], [1], [1]], WriteThrottleEvents: none },
      { ReadThrottleEvents: none, WriteThrottleEvents: [[], [1], [1]] },
      { ReadThrottleEvents: [[], [1], []], WriteThrottleEvents: [[], [], [1]] },
    ],
  },
};

const template = synthesize({
  stage: 'prod',
  alarms: { latency: {}, tableThrottles: {} },
  workloads: [{ name: 'deploy', profile: 'github', subject: 'repo:acme/shop:*', scopes: ['mcp'] }],
  auditTools: true,
  telemetry: { endpoint: 'https://otlp.example.com' },
});
const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm');

function alarmNamed(name: AlarmName): AlarmProperties {
  const prefix = `Operations${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  return alarms.find(([id]) => id.replace(/[0-9A-F]{8}$/, '') === prefix)![1].Properties;
}

describe.each(Object.keys(alarmDefaults) as AlarmName[])('the alarm %s', (name) => {
  test('is off in a healthy deployment', () => {
    expect(states[name].healthy.map((series) => alarmState(alarmNamed(name), series))).toEqual(
      states[name].healthy.map(() => 'OK'),
    );
  });

  test('goes off in a sick deployment', () => {
    expect(states[name].sick.map((series) => alarmState(alarmNamed(name), series))).toEqual(
      states[name].sick.map(() => 'ALARM'),
    );
  });
});

/** Namespaces and names of the metrics of the whole template; the body of the dashboard is JSON in text. */
function metricsOfAws(): [namespace: string, name: string][] {
  const ofAlarms = Array.from(
    JSON.stringify(alarms).matchAll(/"MetricName":"([^"]+)","Namespace":"(AWS\/\w+)"/g),
    ([, name, namespace]): [string, string] => [namespace!, name!],
  );
  const ofDashboard = Array.from(
    JSON.stringify(resourcesOf(template, 'AWS::CloudWatch::Dashboard')).matchAll(/(AWS\/\w+)\\",\\"(\w+)\\"/g),
    ([, namespace, name]): [string, string] => [namespace!, name!],
  );
  return [...ofAlarms, ...ofDashboard];
}

test('the metrics of AWS have names that AWS publishes', () => {
  const found = metricsOfAws();
  expect(new Set(found.map(([namespace]) => namespace))).toEqual(new Set(Object.keys(awsMetrics)));
  expect(found.filter(([namespace, name]) => !awsMetrics[namespace]!.names.includes(name))).toEqual([]);
});
