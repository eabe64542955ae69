import { Duration } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { type FunctionName, METRIC_DIMENSION, METRIC_NAMESPACE } from '../../lambda/shared/metric-names.ts';
import type { HoldfastFunction } from '../holdfast-function.ts';

/** The period of all metrics. */
export const METRIC_PERIOD = Duration.minutes(5);

/** The resources that the alarms and the dashboard monitor. */
export interface MonitoredResources {
  readonly api: RestApi;
  readonly accessLog: LogGroup;
  /** The functions of the stack; direct mode has neither `OAuth` nor `Dashboard`. */
  readonly functions: Readonly<Partial<Record<FunctionName, HoldfastFunction>>>;
  readonly tableName: string;
}

/** The count of an event in the function's log; `undefined` when the stack does not have the function. */
export function eventMetric(
  { functions }: MonitoredResources,
  metricName: string,
  functionName: FunctionName,
  label?: string,
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
      label,
    })
  );
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
