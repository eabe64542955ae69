import { randomBytes } from 'node:crypto';

/**
 * The tracing header of an invocation, `_X_AMZN_TRACE_ID`. Its trace is that of the request to API Gateway. X-Ray samples
 * one request a second and a part of the rest; here every request of a traced function is sampled.
 *
 * @see https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
 */
export function traceHeader(event: unknown, isTraced: boolean): string {
  const { headers } = (event ?? {}) as { headers?: Record<string, unknown> | null };
  const given = /Root=[0-9a-f-]+/.exec(String(headers?.['X-Amzn-Trace-Id']))?.[0];
  const seconds = Math.floor(Date.now() / 1000).toString(16);
  const root = given ?? `Root=1-${seconds}-${randomBytes(12).toString('hex')}`;
  return `${root};Parent=${randomBytes(8).toString('hex')};Sampled=${isTraced ? 1 : 0}`;
}
