import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { sessionList, sessionSummaryById } from '../../lambda/core/admin/session-list.ts';
import type { SessionRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { callRows, sessionRows } from '../../lambda/core/dashboard/dashboard-rows.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { type callColumns, callColumnsOfSession } from '../output/call-columns.ts';
import { showList } from '../output/list-output.ts';
import { brief, json, plain } from '../output/plain-text.ts';
import { sessionColumns, sessionFacts } from '../output/session-columns.ts';
import { askFor, report, say, write } from '../output/terminal.ts';
import { clock, duration, moment } from '../output/time-text.ts';
import { CallWatch } from '../target/call-watch.ts';
import { type Deployment, openDeployment } from '../target/deployment.ts';
import { pages } from '../target/paging.ts';
import { resolveUserIfGiven, userText } from '../target/user-selection.ts';
import { type Common, common, examples, type PagingOptions, paged, withYes } from './command-options.ts';

const LOOK_EVERY_MILLISECONDS = 2000;

export function addSessions(program: Command): void {
  const sessions = program
    .command('sessions')
    .description('who was here, and what they did')
    .summary('list, show, watch, revoke: who was here, and what they did');

  examples(
    common(
      paged(
        sessions
          .command('list')
          .description('sessions that had calls, those that were seen last first (of one user: that began last)')
          .option('--user <user>', 'key, beginning of the key (6 characters or more), or name')
          .option('--since <time>', 'seen since then: 24h, 7d, 2026-11-01'),
      ),
    ),
    'sessions list --since 24h',
    'sessions list --user ada@example.com --all',
    'sessions list --json --limit 200 | jq -r ".items[].id"',
  ).action(list);

  examples(
    common(paged(sessions.command('show <session>').description('one session, and its calls in the order they began'))),
    'sessions show 0Y8Yw3iV0m3Wm6Zy8b2b5g',
    'sessions show 0Y8Yw3iV0m3Wm6Zy8b2b5g --all --json',
  ).action(show);

  examples(
    common(
      sessions
        .command('watch')
        .description('each call as it is recorded, a line each, until Ctrl+C; with --json an object a line')
        .option('--user <user>', 'key, beginning of the key (6 characters or more), or name')
        .option('--client <name>', 'as the client calls itself, or else its id')
        .option('--tool <name>', 'of a tool, or of a method'),
    ),
    'sessions watch',
    'sessions watch --tool note --json | jq .milliseconds',
  ).action(watch);

  examples(
    withYes(
      common(
        sessions
          .command('revoke <session>')
          .description(
            'ends a session: its id is refused from now on. Its client may begin another (see clients revoke)',
          ),
      ),
    ),
    'sessions revoke 0Y8Yw3iV0m3Wm6Zy8b2b5g',
    'sessions revoke 0Y8Yw3iV0m3Wm6Zy8b2b5g --yes',
  ).action(revoke);
}

async function list(options: Common & PagingOptions & { user?: string; since?: string }): Promise<void> {
  const since = options.since === undefined ? undefined : moment('--since', options.since, Date.now());
  const deployment = await openDeployment(options);
  const user = await resolveUserIfGiven(deployment, options.user);
  const source = async (paging: { limit: number; after?: string | undefined }) => {
    const { items, ...rest } = await sessionList(deployment, { user, from: since }, paging);
    return { ...rest, items: await sessionRows(deployment, items) };
  };
  await showList(pages(source, options), sessionColumns, {
    asJson: options.json,
    none: 'No sessions. One is on record as soon as it has had a call.',
  });
}

async function show(id: string, options: Common & PagingOptions): Promise<void> {
  const deployment = await openDeployment(options);
  const session = await onRecord(deployment, id);
  const source = async (paging: { limit: number; after?: string | undefined }) => {
    const { calls, next } = await deployment.calls.callsOf(id, { ...paging, now: deployment.seconds() });
    return { items: await callRows(deployment, calls), ...(next !== undefined && { next }) };
  };
  const calls = pages(source, options);
  if (options.json) {
    await write(`{"session":${json(session)},"calls":`);
    await showList(calls, callColumnsOfSession, { asJson: true, none: '' });
    await write('}\n');
    return;
  }
  const facts = sessionFacts(session).map(([name, fact]) => `${name.padEnd(12)}${plain(fact)}`);
  await write(`${facts.join('\n')}\n\n`);
  await showList(calls, callColumnsOfSession, { none: 'No calls after that.' });
}

/** @throws Mistake when there is none of that id */
async function onRecord(deployment: Deployment, id: string): Promise<SessionRow> {
  const record = await sessionSummaryById(deployment, id);
  if (!record) {
    throw new ConfigurationError(
      plain(
        `No session ${JSON.stringify(id)} is on record. npx holdfast sessions list shows those that have had calls.`,
      ),
    );
  }
  const [row] = await sessionRows(deployment, [record]);
  return row!;
}

async function watch(options: Common & { user?: string; client?: string; tool?: string }): Promise<void> {
  const ended = new AbortController();
  // More than once: npx hands on what its child has already had from the terminal.
  process.on('SIGINT', () => ended.abort());
  const deployment = await openDeployment(options);
  const { client, tool } = options;
  const user = await resolveUserIfGiven(deployment, options.user);
  const watching = new CallWatch(deployment.calls, { from: deployment.now(), user, client, tool });
  if (!options.json) say('Watching. Ctrl+C ends it.');
  while (!ended.signal.aborted) {
    for (const call of await callRows(deployment, await watching.look(deployment.now()))) {
      await write(options.json ? `${json(call)}\n` : `${watchLine(call)}\n`);
    }
    await sleep(LOOK_EVERY_MILLISECONDS, undefined, { signal: ended.signal }).catch(() => undefined);
  }
}

/** Without columns that could grow: lines come one by one. */
function watchLine(call: Parameters<(typeof callColumns)[number]['text']>[0]): string {
  const [user, client, tool] = [userText(call), call.clientLabel, call.tool ?? call.method].map((text) =>
    brief(text, 20),
  );
  const took = duration(call.milliseconds).padStart(8);
  return `${clock(call.at)}  ${user!.padEnd(14)} ${client!.padEnd(16)} ${tool!.padEnd(20)} ${call.outcome.padEnd(14)} ${took}  ${call.session}`;
}

async function revoke(id: string, options: Common & { yes?: boolean }): Promise<void> {
  const deployment = await openDeployment(options);
  const session = await onRecord(deployment, id);
  if (session.ended === undefined) {
    const about = [`This ends session ${id} of ${userText(session)} with ${session.clientLabel}.`].map(plain);
    await askFor({ about, answer: 'yes' }, options.yes);
  }
  const revoked = Number(await deployment.revocation.revokeSession(session, deployment.seconds()));
  if (options.json) return write(`${json({ revoked })}\n`);
  if (revoked === 0) {
    report(`There was nothing to end: session ${id} is ${session.ended ?? 'no longer live'}.`, false);
    return;
  }
  report(`Session ${id} has ended. Its client still has its grant, and may begin another session:`, false);
  report(`  npx holdfast clients revoke ${session.grant}   shuts it out`, false);
}
