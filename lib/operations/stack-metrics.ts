import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { type IMetric, MathExpression, Metric, type MetricOptions, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Duration } from 'aws-cdk-lib/core';
import {
  type CountedEvent,
  countedEvents,
  type FunctionName,
  METRIC_DIMENSION,
  METRIC_NAMESPACE,
} from '../../lambda/shared/metric-names.ts';
import type { HoldfastFunction } from '../holdfast-function.ts';
import { ConfigurationError } from '../settings/configuration-error.ts';

/** The period of all metrics. */
export const METRIC_PERIOD = Duration.minutes(5);

/** The resources that the alarms and the dashboard monitor. */
export interface MonitoredResources {
  readonly api: RestApi;
  readonly accessLog: LogGroup;
  /** The functions of the stack; direct mode has no `OAuth`, and facade mode no `SignIn`. */
  readonly functions: Readonly<Partial<Record<FunctionName, HoldfastFunction>>>;
  readonly tableName: string;
  /** Whether assertions of other issuers count. */
  readonly admitsAssertions: boolean;
}

/** The count of an event in the function's log; `undefined` when the stack does not have the function. */
export function eventMetric(
  { functions }: MonitoredResources,
  metricName: string,
  functionName: FunctionName,
  options: MetricOptions = {},
): Metric | undefined {
  const source = functions[functionName];
  return (
    source &&
    new Metric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: { [METRIC_DIMENSION]: source.handler.functionName },
      statistic: Stats.SUM,
      period: METRIC_PERIOD,
      ...options,
    })
  );
}

/**
 * The count of an event in the logs of all functions that log it.
 * @throws ConfigurationError when the stack has none of them
 */
export function countedEventMetric(
  resources: MonitoredResources,
  event: CountedEvent,
  options: MetricOptions = {},
): IMetric {
  const metrics = countedEvents[event].flatMap((name) => eventMetric(resources, event, name, options) ?? []);
  const [only, ...others] = metrics;
  if (only === undefined)
    throw new ConfigurationError(`${event} is an event of facade mode: direct mode never logs it`);
  if (others.length === 0) return only;
  const { label = event, period = METRIC_PERIOD, color } = options;
  return new MathExpression({
    // A metric without data points counts as zero.
    expression: 'SUM(METRICS())',
    usingMetrics: Object.fromEntries(metrics.map((metric, index) => [`m${index}`, metric])),
    label,
    period,
    color,
  });
}

/** A metric of the table. */
export const tableMetric = ({ tableName }: MonitoredResources, metricName: string, label?: string): Metric =>
  new Metric({
    namespace: 'AWS/DynamoDB',
    metricName,
    dimensionsMap: { TableName: tableName },
    statistic: Stats.SUM,
    period: METRIC_PERIOD,
    label,
  });

/** The functions that the stack has, with their names. */
export const presentFunctions = ({ functions }: MonitoredResources): [FunctionName, HoldfastFunction][] =>
  Object.entries(functions).filter((each): each is [FunctionName, HoldfastFunction] => each[1] !== undefined);
