import type { Clock } from '../support/clock.ts';
import { shorten } from '../support/untrusted-text.ts';
import type { InvalidTokenError, TokenRejectionReason } from './invalid-token-error.ts';

type Log = (event: string, details: Record<string, unknown>) => void;

/** Of one reason, in one minute and process: a sender of invalid tokens must not fill the log or hide other reasons. */
const MOST_LINES = 10;
const MINUTE = 60_000;
const MOST_CHARACTERS = 300;

/**
 * Logs each rejected token as `token_rejected` with its reason. Lines beyond the limit are counted as `omitted` in the next
 * line of that reason. The event is no metric: any sender can cause it, so it must not set off an alarm.
 */
export function tokenRejectionLog(log: Log, clock: Pick<Clock, 'now'>): (error: InvalidTokenError) => void {
  const windows = new Map<TokenRejectionReason, { start: number; lines: number; omitted: number }>();
  return ({ reason, signed, message }) => {
    const now = clock.now();
    const last = windows.get(reason);
    const isRecent = last !== undefined && now - last.start < MINUTE;
    const window = isRecent ? last : { start: now, lines: 0, omitted: last?.omitted ?? 0 };
    windows.set(reason, window);
    if (window.lines === MOST_LINES) {
      window.omitted++;
      return;
    }
    const { omitted } = window;
    Object.assign(window, { lines: window.lines + 1, omitted: 0 });
    log('token_rejected', {
      reason,
      signed,
      detail: shorten(message, MOST_CHARACTERS),
      ...(omitted > 0 && { omitted }),
    });
  };
}
