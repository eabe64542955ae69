import { AsyncLocalStorage } from 'node:async_hooks';
import { printableJson } from '../../core/support/untrusted-text.ts';
import { countedEvents, METRIC_DIMENSION, METRIC_NAMESPACE, measuredEvents } from '../../shared/metric-names.ts';
import { type ProxiedRequest, viewerAddress } from './viewer-address.ts';

/** Members of every line of an invocation. */
type Fields = {
  /** The request id of the access log; for an invocation without an HTTP request, Lambda's. */
  requestId: string;
  /** The address of the client, for a request. */
  viewer?: string | undefined;
  session?: string;
  /** Trace id of the client's trace, if there is one. */
  trace?: string;
};

const invocation = new AsyncLocalStorage<Fields>();

/**
 * Writes a JSON object as one line, for CloudWatch Logs Insights. Never a token, code, verifier, cookie or argument.
 *
 * `console.log` on Lambda prefixes the object or wraps it in another one, and CloudWatch extracts metrics only from lines
 * that are the object itself.
 */
export function log(event: string, details: Record<string, unknown> = {}): void {
  const line = {
    event,
    ...invocation.getStore(),
    ...details,
    ...(Object.hasOwn(countedEvents, event) && metrics([event], { [event]: 1 })),
    ...(Object.hasOwn(measuredEvents, event) && metrics(measuredEvents[event as keyof typeof measuredEvents].members)),
  };
  process.stdout.write(`${printableJson(line)}\n`);
}

/** Runs the work of an invocation without a request. */
export const withInvocation = <T>(requestId: string, work: () => Promise<T>): Promise<T> =>
  invocation.run({ requestId }, work);

/** Runs the work of a request. */
export const withRequest = <T>(request: ProxiedRequest, work: () => Promise<T>): Promise<T> =>
  invocation.run({ requestId: request.requestContext.requestId, viewer: viewerAddress(request) }, work);

/** Adds the session to the further lines of the invocation. */
export function logSession(session: string | null): void {
  const fields = invocation.getStore();
  if (fields && session !== null) fields.session = session;
}

/** Adds the trace to the further lines of the invocation. */
export function logTrace(trace: string): void {
  const fields = invocation.getStore();
  if (fields) fields.trace = trace;
}

/**
 * CloudWatch embedded metric format: CloudWatch counts the line without a request of the function.
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
