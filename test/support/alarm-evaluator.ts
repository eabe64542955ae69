/**
 * Evaluates an alarm of a template on series of samples, as CloudWatch does: statistic of each period, metric math, comparison,
 * missing data, and `DatapointsToAlarm` of the last `EvaluationPeriods`. Strict about its limits: what the alarms of the stack
 * do not use throws.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */

/** The samples of each period of 300 seconds, the last period last, by name of the metric. A period without samples is empty. */
export type SampleSeries = Record<string, number[][]>;

type StatisticSource = { MetricName: string; Period: number; Statistic: string };
type MathMember = {
  Id: string;
  Expression?: string;
  ReturnData?: boolean;
  MetricStat?: { Metric: { MetricName: string }; Period: number; Stat: string };
};

/** The properties of `AWS::CloudWatch::Alarm`. */
export type AlarmProperties = {
  ComparisonOperator: string;
  Threshold: number;
  EvaluationPeriods: number;
  DatapointsToAlarm?: number;
  TreatMissingData?: string;
  MetricName?: string;
  Period?: number;
  Statistic?: string;
  ExtendedStatistic?: string;
  Metrics?: MathMember[];
};

/** The value of a period; `undefined` without data. */
type Value = number | undefined;

const PERIOD = 300;

export function alarmState(alarm: AlarmProperties, series: SampleSeries): 'ALARM' | 'OK' {
  const { EvaluationPeriods, DatapointsToAlarm = EvaluationPeriods } = alarm;
  const values = valuesOf(alarm, series);
  if (values.length < EvaluationPeriods) throw new Error(`The series has fewer than ${EvaluationPeriods} periods`);
  const breaching = values.slice(-EvaluationPeriods).filter((value) => breaches(alarm, value));
  return breaching.length >= DatapointsToAlarm ? 'ALARM' : 'OK';
}

function breaches({ ComparisonOperator, Threshold, TreatMissingData }: AlarmProperties, value: Value): boolean {
  if (value === undefined) {
    if (TreatMissingData === 'breaching') return true;
    if (TreatMissingData === 'notBreaching') return false;
    throw new Error(`TreatMissingData ${TreatMissingData} is not supported: the state depends on earlier periods`);
  }
  switch (ComparisonOperator) {
    case 'GreaterThanOrEqualToThreshold':
      return value >= Threshold;
    case 'GreaterThanThreshold':
      return value > Threshold;
    case 'LessThanOrEqualToThreshold':
      return value <= Threshold;
    case 'LessThanThreshold':
      return value < Threshold;
    default:
      throw new Error(`The comparison ${ComparisonOperator} is not supported`);
  }
}

function valuesOf(
  { Metrics, MetricName, Period, Statistic, ExtendedStatistic }: AlarmProperties,
  series: SampleSeries,
) {
  if (Metrics === undefined) {
    const statistic = { MetricName: MetricName!, Period: Period!, Statistic: (Statistic ?? ExtendedStatistic)! };
    return statisticValues(statistic, series);
  }
  const metrics = Metrics.flatMap(({ Id, MetricStat }): [string, Value[]][] =>
    MetricStat
      ? [[Id, statisticValues({ ...MetricStat.Metric, Period: MetricStat.Period, Statistic: MetricStat.Stat }, series)]]
      : [],
  );
  const returned = Metrics.filter(({ ReturnData = true }) => ReturnData);
  const [{ Expression = '' } = {}] = returned;
  if (returned.length !== 1) throw new Error('An alarm returns the data of one member');
  return mathValues(Expression, metrics);
}

function statisticValues({ MetricName, Period, Statistic }: StatisticSource, series: SampleSeries): Value[] {
  if (Period !== PERIOD) throw new Error(`The period of ${MetricName} is ${Period}, and the samples are of ${PERIOD}`);
  const periods = series[MetricName];
  if (periods === undefined) throw new Error(`The series has no samples of ${MetricName}`);
  return periods.map((samples) => (samples.length === 0 ? undefined : statisticOf(Statistic, samples)));
}

function statisticOf(statistic: string, samples: number[]): number {
  const sum = samples.reduce((total, each) => total + each, 0);
  const percentile = /^p(\d+)$/.exec(statistic)?.[1];
  if (statistic === 'Sum') return sum;
  if (statistic === 'Average') return sum / samples.length;
  if (statistic === 'Maximum') return Math.max(...samples);
  if (percentile === undefined) throw new Error(`The statistic ${statistic} is not supported`);
  return samples.toSorted((some, other) => some - other)[Math.ceil((Number(percentile) / 100) * samples.length) - 1]!;
}

/** A period without data in a term has no sum of terms, while `SUM` of all metrics ignores missing values. */
function mathValues(expression: string, metrics: [id: string, values: Value[]][]): Value[] {
  const at = (period: number) => metrics.map(([id, values]) => [id, values[period]] as const);
  const periods = metrics[0]![1].map((_, period) => period);
  if (expression === 'SUM(METRICS())') {
    return periods.map((period) => {
      const present = at(period).flatMap(([, value]) => value ?? []);
      return present.length === 0 ? undefined : present.reduce((total, each) => total + each, 0);
    });
  }
  const terms = expression.split(' + ');
  const byId = new Map(metrics);
  if (terms.some((term) => !byId.has(term))) throw new Error(`The expression ${expression} is not supported`);
  return periods.map((period) => {
    const values = terms.map((term) => byId.get(term)![period]);
    return values.includes(undefined) ? undefined : values.reduce<number>((total, each) => total + each!, 0);
  });
}
