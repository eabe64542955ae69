import { type CallWriteDependencies, writeCall } from './call-write.ts';
import type { ToolCall } from './tool-call.ts';

/** A call without its end. */
export type OpenCall = Omit<ToolCall, 'outcome' | 'milliseconds' | 'bytesOut'>;

/**
 * The calls in progress, outside of the process: after a crash or a timeout, the next process in the same execution
 * environment reads them. An entry of the audit log at the start of each call would cost a write more.
 *
 * Throws no error: without a journal, a call whose process dies is in the access log alone.
 */
export interface CallJournal {
  /** Replaces the calls in progress. */
  keep(calls: readonly OpenCall[]): void;
  /** The calls that the process before this one has not ended. */
  unfinished(): readonly OpenCall[];
}

/**
 * Logs the calls whose process has died, unless the audit log has their end. Their duration ends now, so that the
 * aggregation, which reads calls by their end, counts them.
 */
export async function logInterruptedCalls(
  dependencies: CallWriteDependencies,
  journal: CallJournal,
  calls: readonly OpenCall[],
): Promise<void> {
  const { clock, log } = dependencies;
  const write = ({ id, ...call }: OpenCall) => {
    const { method, tool, user, client, session, traceId } = call;
    log('call_interrupted', { method, tool, user, client, session, call: id, trace: traceId });
    const milliseconds = Math.max(0, clock.now() - call.at);
    const interrupted = { id, ...call, outcome: 'interrupted' as const, milliseconds, bytesOut: 0 };
    return writeCall(dependencies, id, () => interrupted, { unlessLogged: true });
  };
  await Promise.all(calls.map(write));
  journal.keep([]);
}
