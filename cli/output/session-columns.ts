import type { SessionRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { userText } from '../target/user-selection.ts';
import { brief } from './plain-text.ts';
import type { Column } from './text-table.ts';
import { duration, exactTime, shortTime } from './time-text.ts';

const count = ({ calls, isPartial }: SessionRow) => `${calls}${isPartial ? '+' : ''}`;
const state = ({ ended }: SessionRow) => (ended === 'closed by the client' ? 'closed' : (ended ?? 'live'));

export const sessionColumns: Column<SessionRow>[] = [
  { title: 'SESSION', text: ({ id }) => id },
  { title: 'USER', text: (session) => brief(userText(session), 24) },
  { title: 'CLIENT', text: ({ clientLabel }) => brief(clientLabel, 20) },
  { title: 'FIRST CALL', text: ({ firstCallAt }) => shortTime(firstCallAt) },
  { title: 'LAST CALL', text: ({ lastCallAt }) => shortTime(lastCallAt) },
  { title: 'CALLS', text: count, right: true },
  { title: 'ERRORS', text: ({ errors, isPartial }) => `${errors}${isPartial ? '+' : ''}`, right: true },
  { title: 'STATE', text: state },
];

/** Everything that is known of one, a line each. */
export function sessionFacts(session: SessionRow): [string, string][] {
  const { firstCallAt, lastCallAt, ended } = session;
  return [
    ['session', session.id],
    ['user', session.userName === undefined ? session.user : `${session.userName}  ${session.user}`],
    ['client', session.clientLabel],
    ['client id', session.client],
    ['grant', session.grant],
    ['era', session.era === 'modern' ? 'modern (2026-07-28)' : 'legacy (Mcp-Session-Id)'],
    ['first call', exactTime(firstCallAt)],
    ['last call', `${exactTime(lastCallAt)}, after ${duration(lastCallAt - firstCallAt)}`],
    [
      'calls',
      `${count(session)}, ${session.errors} of ${session.isPartial ? 'the first ones' : 'them'} without success`,
    ],
    ['state', ended ?? 'live'],
  ];
}
