import { AsyncLocalStorage } from 'node:async_hooks';
import { countedEvents, METRIC_DIMENSION, METRIC_NAMESPACE, measuredEvents } from '../../shared/metric-names.ts';

/** What every line of an invocation has in common. */
type Fields = {
  /** The id that the access log has too; of work that no request waits for, the one that Lambda gave it. */
  requestId: string;
  /** Once it is known. */
  session?: string;
  /** Of the client's trace, if it names one. */
  trace?: string;
};

const invocation = new AsyncLocalStorage<Fields>();

/**
 * One JSON object a line, as CloudWatch Logs Insights reads it. Never a token, code, verifier, cookie or argument.
 *
 * Not by `console.log`, which on Lambda puts words before the object, or the object into another one: CloudWatch takes
 * metrics from lines that are such an object from the first character on.
 */
export function log(event: string, details: Record<string, unknown> = {}): void {
  const line = {
    event,
    ...invocation.getStore(),
    ...details,
    ...(Object.hasOwn(countedEvents, event) && metrics([event], { [event]: 1 })),
    ...(Object.hasOwn(measuredEvents, event) && metrics(measuredEvents[event as keyof typeof measuredEvents].members)),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Does the work of one invocation. */
export const withInvocation = <T>(requestId: string, work: () => Promise<T>): Promise<T> =>
  invocation.run({ requestId }, work);

/** Has what the invocation logs from now on name its session. */
export function logSession(session: string | null): void {
  const fields = invocation.getStore();
  if (fields && session !== null) fields.session = session;
}

/** Has what the invocation logs from now on name its trace. */
export function logTrace(trace: string): void {
  const fields = invocation.getStore();
  if (fields) fields.trace = trace;
}

/**
 * What makes a line count: CloudWatch embedded metric format, which costs the function nothing.
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
const metrics = (names: readonly string[], values: Record<string, number> = {}) => ({
  _aws: {
    Timestamp: Date.now(),
    CloudWatchMetrics: [
      {
        Namespace: METRIC_NAMESPACE,
        Dimensions: [[METRIC_DIMENSION]],
        Metrics: names.map((Name) => ({ Name, Unit: 'Count' })),
      },
    ],
  },
  [METRIC_DIMENSION]: process.env.AWS_LAMBDA_FUNCTION_NAME,
  ...values,
});
