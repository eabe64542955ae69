import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import {
  type AlarmDefault,
  type AlarmName,
  type AlarmRules,
  alarmDefaults,
  runbookSection,
} from '../settings/alarm-settings.ts';
import { eventMetric, METRIC_PERIOD, type MonitoredResources, tableMetric } from './stack-metrics.ts';

/** The alarms that exist, by name. */
export type Alarms = Readonly<Partial<Record<AlarmName, Alarm>>>;

type AlarmTargets = {
  /** Receives the alarms; `undefined` for no notifications. */
  topic: ITopic | undefined;
  /** As the setting of the name. */
  runbookUrl: string | undefined;
};

/** Creates the alarms that are enabled and whose metric the stack has. */
export function createAlarms(
  scope: Construct,
  resources: MonitoredResources,
  rules: AlarmRules,
  targets: AlarmTargets,
): Alarms {
  const alarms: Partial<Record<AlarmName, Alarm>> = {};
  for (const [name, metric] of Object.entries(alarmMetrics(resources)) as [AlarmName, IMetric | undefined][]) {
    const defaults: AlarmDefault = alarmDefaults[name];
    const rule = rules[name] ?? (defaults.optIn ? false : {});
    if (metric === undefined || rule === false) continue;
    alarms[name] = createAlarm(scope, name, metric, { ...defaults, ...rule }, targets);
  }
  return alarms;
}

function createAlarm(
  scope: Construct,
  name: AlarmName,
  metric: IMetric,
  { description, threshold, evaluationPeriods }: AlarmDefault,
  { topic, runbookUrl }: AlarmTargets,
): Alarm {
  const alarm = new Alarm(scope, name.charAt(0).toUpperCase() + name.slice(1), {
    alarmDescription: `${description} What to do: ${runbookSection(name, runbookUrl)}`,
    metric,
    threshold,
    evaluationPeriods,
    comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
    // A metric has no data points while nothing happens.
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
  if (topic) {
    alarm.addAlarmAction(new SnsAction(topic));
    alarm.addOkAction(new SnsAction(topic));
  }
  return alarm;
}

/**
 * The metric of each alarm; `undefined` when the stack does not have the function. One metric for each, because
 * CloudWatch charges for every metric of an alarm.
 */
function alarmMetrics(resources: MonitoredResources): Record<AlarmName, IMetric | undefined> {
  const { api, functions } = resources;
  const signIn = functions.OAuth ? 'OAuth' : 'SignIn';
  return {
    sessionFailures: eventMetric(resources, 'session_failed', 'Mcp'),
    refreshReuse: eventMetric(resources, 'refresh_reuse', 'OAuth'),
    codeReuse: eventMetric(resources, 'code_reuse', 'OAuth'),
    assertionRefusals: resources.admitsAssertions
      ? eventMetric(resources, 'trusted_assertion_rejected', 'OAuth')
      : undefined,
    authorizerFailures: eventMetric(resources, 'authorizer_failed', 'Authorizer'),
    signInOutages: eventMetric(resources, 'service_unavailable', signIn),
    signInMisconfigured: eventMetric(resources, 'upstream_misconfigured', signIn),
    serverErrors: api.metricServerError({ period: METRIC_PERIOD, statistic: Stats.AVERAGE }),
    latency: api.metricLatency({ period: METRIC_PERIOD, statistic: Stats.p(99) }),
    throttling: functions.Mcp?.handler.metricThrottles({ period: METRIC_PERIOD }),
    workerErrors: functions.Worker?.handler.metricErrors({ period: METRIC_PERIOD }),
    auditFailures: eventMetric(resources, 'audit_write_failed', 'Mcp'),
    auditToolErrors: functions.AuditTools?.handler.metricErrors({ period: METRIC_PERIOD }),
    telemetryFailures: eventMetric(resources, 'telemetry_export_failed', 'Telemetry'),
    tableThrottles: new MathExpression({
      // DynamoDB reports none of both while it throttles the other, and a term without data leaves a sum of terms without data.
      expression: 'SUM(METRICS())',
      usingMetrics: {
        reads: tableMetric(resources, 'ReadThrottleEvents'),
        writes: tableMetric(resources, 'WriteThrottleEvents'),
      },
      label: 'throttled',
      period: METRIC_PERIOD,
    }),
  };
}
