import { type Clock, timedOut, withinTime } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import { throughOutage } from '../support/outage-patience.ts';
import { ServiceUnavailableError } from '../support/service-unavailable-error.ts';
import type { AuditLogWriter, ToolCall } from './tool-call.ts';

export type CallWriteDependencies = {
  store: AuditLogWriter;
  rules: { retentionDays: number };
  clock: Clock;
  log: Logger;
};

/** The end of a response waits at most this long for the write of its call: longer than two throttled attempts. */
const PATIENCE_MILLISECONDS = 5_000;

/**
 * Writes a call that has ended now to the audit log. A failure is logged and not thrown.
 *
 * @param complete returns the call with this id
 * @param options.unlessLogged leaves the call as it is if it is in the log
 */
export async function writeCall(
  { store, rules, clock, log }: CallWriteDependencies,
  id: string,
  complete: () => ToolCall | Promise<ToolCall>,
  options: { unlessLogged: boolean },
): Promise<void> {
  const endedAt = clock.now();
  try {
    const call = await complete();
    const expiresAt = Math.floor(endedAt / 1000) + rules.retentionDays * 24 * 3600;
    const until = clock.now() + PATIENCE_MILLISECONDS;
    const write = throughOutage(clock, until, () => store.recordCall(call, expiresAt, options));
    const result = await withinTime(clock, PATIENCE_MILLISECONDS, write);
    if (result === timedOut) throw new Error(`No answer in ${PATIENCE_MILLISECONDS} ms`);
  } catch (error) {
    const cause = error instanceof ServiceUnavailableError ? error.cause : error;
    log('audit_write_failed', { call: id, cause: String(cause) });
  }
}
