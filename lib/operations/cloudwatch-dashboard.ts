import {
  type Alarm,
  AlarmStatusWidget,
  GraphWidget,
  type IMetric,
  type IWidget,
  LogQueryVisualizationType,
  LogQueryWidget,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Stack } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { type CountedEvent, countedEvents, measuredEvents } from '../../lambda/shared/metric-names.ts';
import { eventMetric, METRIC_PERIOD, type MonitoredResources, presentFunctions, tableMetric } from './stack-metrics.ts';

/** The height of a widget in units of the console's grid, which is 24 units wide. */
const HEIGHT = 6;

/** The rows of the CloudWatch dashboard. */
export const dashboardRows = (scope: Construct, resources: MonitoredResources, alarms: Alarm[]): IWidget[][] => [
  summaryRow(Stack.of(scope).stackName, alarms),
  requestRow(resources),
  functionRow(resources),
  tableRow(resources),
  eventRow(resources),
  userRow(resources),
  logRow(resources),
];

function summaryRow(stackName: string, alarms: Alarm[]): IWidget[] {
  const text = new TextWidget({
    markdown: `# ${stackName}\nEach metric, its meaning and what to do: \`docs/operate.md\`.`,
    width: alarms.length > 0 ? 6 : 24,
    height: 4,
  });
  return alarms.length > 0 ? [text, new AlarmStatusWidget({ title: 'Alarms', alarms, width: 18, height: 4 })] : [text];
}

function requestRow(resources: MonitoredResources): IWidget[] {
  const { api } = resources;
  const sum = { period: METRIC_PERIOD, statistic: Stats.SUM };
  return [
    graph(
      'Requests',
      [
        api.metricCount({ ...sum, label: 'all' }),
        api.metricClientError({ ...sum, label: '4xx' }),
        api.metricServerError({ ...sum, label: '5xx' }),
      ],
      8,
    ),
    graph(
      'Latency in milliseconds',
      [50, 99].map((percent) =>
        api.metricLatency({ period: METRIC_PERIOD, statistic: Stats.p(percent), label: `p${percent}` }),
      ),
      8,
    ),
    graph(
      'Calls in the audit log',
      measuredEvents.calls_aggregated.members.flatMap(
        (member) => eventMetric(resources, member, 'Rollup', { label: member }) ?? [],
      ),
      8,
    ),
  ];
}

function functionRow(resources: MonitoredResources): IWidget[] {
  const functions = presentFunctions(resources);
  const clientFacing = functions.filter(([name]) => !['Dashboard', 'Rollup', 'Telemetry'].includes(name));
  return [
    // Lambda counts a rejected token as an error of the authorizer. The metric authorizer_failed counts the others.
    graph(
      'Function errors',
      functions
        .filter(([name]) => name !== 'Authorizer')
        .map(([name, { handler }]) => handler.metricErrors({ period: METRIC_PERIOD, label: name })),
      6,
    ),
    graph(
      'Function duration in milliseconds (p99)',
      clientFacing.map(([name, { handler }]) =>
        handler.metricDuration({ period: METRIC_PERIOD, statistic: Stats.p(99), label: name }),
      ),
      6,
    ),
    graph(
      'Concurrent executions',
      clientFacing.map(([name, { handler }]) =>
        handler.metric('ConcurrentExecutions', { period: METRIC_PERIOD, statistic: Stats.MAXIMUM, label: name }),
      ),
      6,
    ),
    graph(
      'Function throttles',
      clientFacing
        // Lambda repeats a throttled invocation of the worker by itself.
        .filter(([name]) => name === 'Mcp')
        .map(([name, { handler }]) => handler.metricThrottles({ period: METRIC_PERIOD, label: name })),
      6,
    ),
  ];
}

const tableRow = (resources: MonitoredResources): IWidget[] => [
  graph('Table: consumed capacity', [
    tableMetric(resources, 'ConsumedReadCapacityUnits', 'read'),
    tableMetric(resources, 'ConsumedWriteCapacityUnits', 'write'),
  ]),
  graph('Table: throttle events', [
    tableMetric(resources, 'ReadThrottleEvents', 'read'),
    tableMetric(resources, 'WriteThrottleEvents', 'write'),
  ]),
];

/** The events that the functions count. */
function eventRow(resources: MonitoredResources): IWidget[] {
  const counts = (events: CountedEvent[]) =>
    events.flatMap((event) =>
      countedEvents[event].flatMap((name) => eventMetric(resources, event, name, { label: `${event}, ${name}` }) ?? []),
    );
  return [
    graph('Failures', counts(['service_unavailable', 'unexpected_error', 'authorizer_failed', 'session_failed']), 8),
    graph(
      'Sign-in',
      counts([
        'refresh_reuse',
        'code_reuse',
        ...(resources.admitsAssertions ? (['trusted_assertion_rejected'] as const) : []),
        'upstream_ended_grant',
        'upstream_misconfigured',
        'client_document_failed',
      ]),
      8,
    ),
    graph(
      'Streams, tasks, audit log',
      counts([
        'stream_store_failed',
        'elicitation_failed',
        'execution_failed',
        'audit_write_failed',
        'aggregation_failed',
        'telemetry_export_failed',
      ]),
      8,
    ),
  ];
}

/** Users from the access log, in which a request that was not authorized has the user `-`. */
function userRow({ accessLog }: MonitoredResources): IWidget[] {
  const logGroupNames = [accessLog.logGroupName];
  return [
    new LogQueryWidget({
      title: 'Active users, by hour',
      logGroupNames,
      view: LogQueryVisualizationType.LINE,
      queryLines: ['filter ispresent(user) and user != "-"', 'stats count_distinct(user) as users by bin(1h)'],
      width: 12,
      height: HEIGHT,
    }),
    new LogQueryWidget({
      title: 'Requests by user',
      logGroupNames,
      queryLines: [
        'filter ispresent(user) and user != "-"',
        'stats count(*) as requests, sum(status >= 400) as errors, max(@timestamp) as last by user',
        'sort requests desc',
        'limit 50',
      ],
      width: 12,
      height: HEIGHT,
    }),
  ];
}

function logRow(resources: MonitoredResources): IWidget[] {
  return [
    new LogQueryWidget({
      title: 'Rejected and failed requests',
      logGroupNames: [resources.accessLog.logGroupName],
      queryLines: [
        'filter status >= 400',
        'stats count(*) as requests by status, refusal, method, path',
        'sort requests desc',
        'limit 50',
      ],
      width: 12,
      height: HEIGHT,
    }),
    new LogQueryWidget({
      title: 'Log events of the functions',
      logGroupNames: presentFunctions(resources).map(([, { logGroup }]) => logGroup.logGroupName),
      queryLines: [
        'fields @timestamp, event, reason, message, cause, requestId',
        'filter ispresent(event)',
        'sort @timestamp desc',
        'limit 50',
      ],
      width: 12,
      height: HEIGHT,
    }),
  ];
}

const graph = (title: string, left: IMetric[], width = 12) =>
  new GraphWidget({ title, left, width, height: HEIGHT, leftYAxis: { min: 0, showUnits: false } });
