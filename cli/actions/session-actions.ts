import { setTimeout as sleep } from 'node:timers/promises';
import type { ListOptions } from '../../lambda/core/admin/directory.ts';
import { sessionList, sessionSummaryById } from '../../lambda/core/admin/session-list.ts';
import type { CallRow, SessionRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { callRows, sessionRows } from '../../lambda/core/dashboard/dashboard-rows.ts';
import { printableJson, quotedName, singleLine } from '../../lambda/core/support/untrusted-text.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import type {
  SessionListOptions,
  SessionRevokeOptions,
  SessionShowOptions,
  SessionWatchOptions,
} from '../commands/parsed-options.ts';
import { sessionCallColumns, sessionColumns, sessionDetails, statedName } from '../output/list-columns.ts';
import { showList } from '../output/list-output.ts';
import { confirm, notify, report, write } from '../output/terminal.ts';
import { brief } from '../output/text-table.ts';
import { duration, timeOfDay } from '../output/time-text.ts';
import { CallWatch } from '../target/call-watch.ts';
import { type Deployment, openDeployment } from '../target/deployment.ts';
import { pages } from '../target/paging.ts';
import { quotedUser, resolveUserIfGiven, userLabel } from '../target/user-selection.ts';

const POLL_MILLISECONDS = 2000;

export async function listSessions(options: SessionListOptions): Promise<void> {
  const deployment = await openDeployment(options);
  const user = await resolveUserIfGiven(deployment, options.user);
  const sessions = async (paging: ListOptions) => {
    const { items, ...page } = await sessionList(deployment, { user, from: options.since }, paging);
    return { ...page, items: await sessionRows(deployment, items) };
  };
  await showList(pages(sessions, options), sessionColumns, {
    asJson: options.json,
    ifEmpty: 'No sessions. A session is listed after its first call.',
  });
}

export async function showSession(id: string, options: SessionShowOptions): Promise<void> {
  const deployment = await openDeployment(options);
  const session = await findSession(deployment, id);
  const callsOfSession = async (paging: ListOptions) => {
    const { calls, next } = await deployment.calls.callsOf(id, { ...paging, now: deployment.seconds() });
    return { items: await callRows(deployment, calls), ...(next !== undefined && { next }) };
  };
  const calls = pages(callsOfSession, options);
  if (options.json) {
    await write(`{"session":${printableJson(session)},"calls":`);
    await showList(calls, sessionCallColumns, { asJson: true, ifEmpty: '' });
    await write('}\n');
    return;
  }
  const details = sessionDetails(session).map(([name, value]) => `${name.padEnd(12)}${singleLine(value)}`);
  await write(`${details.join('\n')}\n\n`);
  await showList(calls, sessionCallColumns, { ifEmpty: 'No further calls.' });
}

/** @throws ConfigurationError when it has no calls or does not exist */
async function findSession(deployment: Deployment, id: string): Promise<SessionRow> {
  const summary = await sessionSummaryById(deployment, id);
  if (!summary) {
    throw new ConfigurationError(
      `No session ${JSON.stringify(id)}. npx holdfast sessions list shows the sessions with calls.`,
    );
  }
  const [row] = await sessionRows(deployment, [summary]);
  return row!;
}

export async function watchCalls(options: SessionWatchOptions): Promise<void> {
  const interrupted = new AbortController();
  // More than once: npx forwards the signal that the terminal has sent to this process already.
  process.on('SIGINT', () => interrupted.abort());
  const deployment = await openDeployment(options);
  const { client, clientInfo, tool } = options;
  const user = await resolveUserIfGiven(deployment, options.user);
  const watch = new CallWatch(deployment.calls, { from: deployment.now(), user, client, clientInfo, tool });
  if (!options.json) notify('Watching for calls. Press Ctrl+C to stop.');
  while (!interrupted.signal.aborted) {
    for (const call of await callRows(deployment, await watch.poll(deployment.now()))) {
      await write(options.json ? `${printableJson(call)}\n` : `${callLine(call)}\n`);
    }
    await sleep(POLL_MILLISECONDS, undefined, { signal: interrupted.signal }).catch(() => undefined);
  }
}

/** Fixed widths: the lines appear one by one, so columns cannot grow. */
function callLine(call: CallRow): string {
  const cell = (text: string, width: number) => brief(text, 20).padEnd(width);
  return [
    `${timeOfDay(call.at)} `,
    cell(userLabel(call), 14),
    cell(call.clientLabel, 16),
    cell(statedName(call), 16),
    cell(call.tool ?? call.method, 20),
    call.outcome.padEnd(14),
    `${duration(call.milliseconds).padStart(8)} `,
    call.session,
  ].join(' ');
}

export async function revokeSession(id: string, options: SessionRevokeOptions): Promise<void> {
  const deployment = await openDeployment(options);
  const session = await findSession(deployment, id);
  if (session.ended === undefined) {
    const effect = [`Revokes session ${id} of ${quotedUser(session)} with ${quotedName(session.clientLabel)}.`];
    await confirm({ effect, expected: 'yes' }, options.yes);
  }
  const revoked = Number(await deployment.revocation.revokeSession(session, deployment.seconds()));
  if (options.json) return write(`${printableJson({ revoked })}\n`);
  if (revoked === 0) {
    report(`Nothing revoked: session ${id} has already ended (${session.ended ?? 'just now'}).`, false);
    return;
  }
  report(`Session ${id} revoked. Its client keeps its grant and can start another session; to prevent this:`, false);
  report(`  npx holdfast clients revoke ${session.grant}`, false);
}
