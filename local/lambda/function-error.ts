import { ownerFrame } from './owner-frame.ts';

/** The function failed: its code threw, its module did not load, it timed out, or its process ended. */
export class FunctionError extends Error {
  /** As Lambda reports it: the name of the thrown class, or `Sandbox.Timedout`, `Runtime.ExitError` … */
  readonly errorType: string;

  /** @param trace the stack inside the function; the stack of this process would not help */
  constructor(errorType: string, message: string, trace: string[] = []) {
    super(message);
    this.name = 'FunctionError';
    this.errorType = errorType;
    this.stack = trace.length > 0 ? trace.join('\n') : `${errorType}: ${message}`;
  }

  /** The first place of the stack in the owner's sources. */
  get sourceLine(): string | undefined {
    return ownerFrame(this.stack);
  }
}

/** The execution environment ended with the invocation: it crashed, was killed or timed out. */
export class EnvironmentEnded extends FunctionError {}

/** Lambda's reasons for a TooManyRequestsException that concern concurrency. */
export type ThrottleReason = 'ConcurrentInvocationLimitExceeded' | 'ReservedFunctionConcurrentInvocationLimitExceeded';

/** As many executions as the function, or the account, may have are in progress (Lambda's TooManyRequestsException). */
export class FunctionThrottled extends Error {
  readonly reason: ThrottleReason;

  constructor(reason: ThrottleReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The event exceeds Lambda's limit (its RequestTooLargeException). */
export class EventTooLarge extends Error {}
