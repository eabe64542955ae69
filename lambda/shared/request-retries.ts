/** Standard mode of the AWS SDKs (AWS SDKs and Tools Reference Guide: retry behavior), with DynamoDB's delays. */

/** Bounds the retries of all concurrent requests, so that they do not add to an outage. */
const BUDGET = 500;

export type Sleep = (milliseconds: number) => Promise<void>;

export type Reason = 'throttling' | 'transient' | 'conflict';
/** A conflict means that another request makes progress, so that more attempts are worth their time. */
const mostAttempts: Record<Reason, number> = { throttling: 3, transient: 3, conflict: 8 };
const costs: Record<Reason, number> = { throttling: 5, transient: 14, conflict: 5 };
const LONGEST_DELAY_MILLISECONDS = 20_000;
const firstDelayMilliseconds: Record<Reason, number> = { throttling: 1000, transient: 25, conflict: 25 };

const throttling = new Set([
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'TransactionInProgressException',
]);
const transient = new Set([
  'TimeoutError',
  'RequestTimeout',
  'RequestTimeoutException',
  'ReplicatedWriteConflictException',
]);
/** Another request is writing the same item. The SDKs do not repeat it, although DynamoDB's documentation asks for it. */
const isConflict = ({ name, reasons = [] }: { name: string; reasons?: readonly string[] }) =>
  name === 'TransactionConflictException' ||
  (reasons.includes('TransactionConflict') && !reasons.includes('ConditionalCheckFailed'));
const transientStatus = new Set([500, 502, 503, 504]);
/** `code` of Node's errors. */
const unreachable = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Why another attempt may succeed; undefined when it cannot. */
export function reasonToRetry(error: unknown): Reason | undefined {
  const { name, message, code, status } = error as Error & { code?: string; status?: number };
  if (status === 429 || throttling.has(name)) return 'throttling';
  // Signed before the function was frozen, and sent after it.
  const isLate = name === 'InvalidSignatureException' && message.includes('Signature expired');
  if (isLate || transient.has(name) || unreachable.has(code!) || transientStatus.has(status!)) return 'transient';
  return isConflict(error as { name: string; reasons?: readonly string[] }) ? 'conflict' : undefined;
}

/** @param share from 0 to 1 */
export const delayBefore = (retry: number, reason: Reason, share: number): number =>
  Math.floor(share * Math.min(firstDelayMilliseconds[reason] * 2 ** retry, LONGEST_DELAY_MILLISECONDS));

/**
 * Repeats a request while another attempt may succeed. All requests through the returned function share a budget.
 * @param reasons others are left to the caller
 * @param random from 0 to 1, spreads the delays
 */
export function retryRequests(
  reasons: readonly Reason[] = ['throttling', 'transient', 'conflict'],
  sleep: Sleep = sleepMilliseconds,
  random = Math.random,
): <T>(attempt: () => Promise<T>) => Promise<T> {
  let budget = BUDGET;
  return async (attempt) => {
    let spent = 1;
    for (let retry = 0; ; retry++) {
      try {
        const result = await attempt();
        budget = Math.min(BUDGET, budget + spent);
        return result;
      } catch (error) {
        const reason = reasonToRetry(error);
        if (
          reason === undefined ||
          !reasons.includes(reason) ||
          retry >= mostAttempts[reason] - 1 ||
          budget < costs[reason]
        )
          throw error;
        spent = costs[reason];
        budget -= spent;
        await sleep(delayBefore(retry, reason, random()));
      }
    }
  };
}

const sleepMilliseconds = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
