import type { Command } from 'commander';
import {
  timeArgument,
  withCallFilter,
  withConfirmation,
  withDeployment,
  withExamples,
  withPaging,
  withUser,
} from './command-options.ts';
import type {
  SessionListOptions,
  SessionRevokeOptions,
  SessionShowOptions,
  SessionWatchOptions,
} from './parsed-options.ts';

const actions = () => import('../actions/session-actions.ts');

export function addSessions(program: Command): void {
  const sessions = program.command('sessions').description('list, show, watch and revoke sessions');

  withExamples(
    withDeployment(
      withPaging(
        withUser(
          sessions
            .command('list')
            .description('list sessions with calls, last used first; sessions of one user, newest first'),
        ).option('--since <time>', 'used since: 30m, 24h, 7d, 2026-11-01', timeArgument),
      ),
    ),
    'sessions list --since 24h',
    'sessions list --user ada@example.com --all',
    'sessions list --json --limit 200 | jq -r ".items[].id"',
  ).action(async (options: SessionListOptions) => (await actions()).listSessions(options));

  withExamples(
    withDeployment(
      withPaging(
        sessions
          .command('show')
          .argument('<session>', 'id of the session')
          .description('show one session and its calls, oldest first'),
      ),
    ),
    'sessions show 0Y8Yw3iV0m3Wm6Zy8b2b5g',
    'sessions show 0Y8Yw3iV0m3Wm6Zy8b2b5g --all --json',
  ).action(async (session: string, options: SessionShowOptions) => (await actions()).showSession(session, options));

  withExamples(
    withDeployment(
      withCallFilter(
        sessions
          .command('watch')
          .description('print each new call until Ctrl+C, one per line; with --json one object per line'),
      ),
    ),
    'sessions watch',
    'sessions watch --tool note --json | jq .milliseconds',
  ).action(async (options: SessionWatchOptions) => (await actions()).watchCalls(options));

  withExamples(
    withDeployment(
      withConfirmation(
        sessions
          .command('revoke')
          .argument('<session>', 'id of the session')
          .description('revoke a session: its id is rejected. Its client can start another (see clients revoke)'),
      ),
    ),
    'sessions revoke 0Y8Yw3iV0m3Wm6Zy8b2b5g',
    'sessions revoke 0Y8Yw3iV0m3Wm6Zy8b2b5g --yes',
  ).action(async (session: string, options: SessionRevokeOptions) => (await actions()).revokeSession(session, options));
}
