import {
  type CallRow,
  type GrantRow,
  type SessionRow,
  type TokenRow,
  toolOf,
  type UserRow,
} from '../../lambda/core/dashboard/dashboard-api.ts';
import { userLabel } from '../target/user-selection.ts';
import { brief, type Column } from './text-table.ts';
import { duration, localDay, timeToMinute, timeToSecond } from './time-text.ts';

/** The columns of each list. The longest column is the last, so that it does not widen the others. */

/** The name that a client states in `clientInfo`, unless it is registered under this name. */
export const statedName = ({ clientLabel, clientName = '' }: Pick<CallRow, 'clientLabel' | 'clientName'>): string =>
  clientName === clientLabel ? '' : clientName;

const clientColumn: Column<Pick<CallRow, 'clientLabel'>> = {
  title: 'CLIENT',
  text: ({ clientLabel }) => brief(clientLabel, 20),
};

const toolColumn: Column<CallRow> = { title: 'TOOL', text: (call) => brief(toolOf(call), 30) };
const outcomeColumn: Column<CallRow> = { title: 'OUTCOME', text: ({ outcome }) => outcome };
const durationColumn: Column<CallRow> = {
  title: 'DURATION',
  text: ({ milliseconds }) => duration(milliseconds),
  right: true,
};

export const callColumns: Column<CallRow>[] = [
  { title: 'TIME', text: ({ at }) => timeToSecond(at) },
  { title: 'USER', text: (call) => brief(userLabel(call), 24) },
  clientColumn,
  { title: 'CLIENTINFO', text: (call) => brief(statedName(call), 20) },
  toolColumn,
  outcomeColumn,
  durationColumn,
  { title: 'SESSION', text: ({ session }) => session },
];

/** Within one session, where user and client are the same. */
export const sessionCallColumns: Column<CallRow>[] = [
  { title: 'TIME', text: ({ at }) => timeToSecond(at) },
  toolColumn,
  outcomeColumn,
  durationColumn,
  { title: 'MESSAGE', text: ({ message = '' }) => brief(message, 60) },
];

const callCount = ({ calls, isPartial }: SessionRow) => `${calls}${isPartial ? '+' : ''}`;

export const sessionColumns: Column<SessionRow>[] = [
  { title: 'SESSION', text: ({ id }) => id },
  { title: 'USER', text: (session) => brief(userLabel(session), 24) },
  clientColumn,
  { title: 'FIRST CALL', text: ({ firstCallAt }) => timeToMinute(firstCallAt) },
  { title: 'LAST CALL', text: ({ lastCallAt }) => timeToMinute(lastCallAt) },
  { title: 'CALLS', text: callCount, right: true },
  { title: 'ERRORS', text: ({ errors, isPartial }) => `${errors}${isPartial ? '+' : ''}`, right: true },
  { title: 'STATE', text: ({ ended }) => (ended === 'closed by the client' ? 'closed' : (ended ?? 'live')) },
];

/** Names and values of one session. */
export function sessionDetails(session: SessionRow): [name: string, value: string][] {
  const { firstCallAt, lastCallAt, ended } = session;
  return [
    ['session', session.id],
    ['user', session.userName === undefined ? session.user : `${session.userName}  ${session.user}`],
    ['client', session.clientLabel],
    ...(statedName(session) === '' ? [] : [['clientInfo', statedName(session)] as [string, string]]),
    ['client id', session.client],
    ['grant', session.grant],
    ['era', session.era === 'modern' ? 'modern (2026-07-28)' : 'legacy (Mcp-Session-Id)'],
    ['first call', timeToSecond(firstCallAt)],
    ['last call', `${timeToSecond(lastCallAt)}, ${duration(lastCallAt - firstCallAt)} later`],
    ['calls', `${callCount(session)}, ${session.errors} failed${session.isPartial ? ' among the first' : ''}`],
    ['state', ended ?? 'live'],
  ];
}

export const grantColumns: Column<GrantRow>[] = [
  { title: 'GRANT', text: ({ id }) => id },
  { title: 'CLIENT', text: ({ clientName }) => brief(clientName, 20) },
  { title: 'USER', text: (grant) => brief(userLabel(grant), 24) },
  { title: 'KIND', text: ({ kind }) => kind },
  { title: 'STATUS', text: ({ status }) => status },
  { title: 'CREATED', text: ({ createdAt }) => localDay(createdAt) },
  { title: 'LAST REFRESH', text: ({ renewedAt }) => timeToMinute(renewedAt) },
  {
    title: 'ENDS',
    text: ({ endsAt, revokedAt = endsAt }) => (revokedAt === undefined ? '' : localDay(revokedAt)),
  },
  { title: 'CLIENT ID', text: ({ client }) => client },
];

export const tokenColumns: Column<TokenRow>[] = [
  { title: 'TOKEN', text: ({ id }) => id },
  { title: 'NAME', text: ({ clientName }) => brief(clientName, 30) },
  { title: 'USER', text: (token) => brief(userLabel(token), 24) },
  { title: 'STATUS', text: ({ status }) => status },
  { title: 'CREATED', text: ({ createdAt }) => localDay(createdAt) },
  { title: 'LAST USE', text: ({ lastUsedAt }) => (lastUsedAt === undefined ? 'not yet' : timeToMinute(lastUsedAt)) },
  { title: 'ENDS', text: ({ endsAt, revokedAt }) => localDay(revokedAt ?? endsAt) },
  { title: 'SCOPES', text: ({ scopes }) => brief(scopes.join(' '), 40) },
];

export const userColumns = (hasNames: boolean): Column<UserRow>[] => [
  { title: 'USER', text: ({ user }) => user },
  ...(hasNames ? [{ title: 'NAME', text: ({ userName = '' }: UserRow) => brief(userName, 40) }] : []),
  { title: 'FIRST SIGN-IN', text: ({ firstSignInAt }) => timeToMinute(firstSignInAt) },
  { title: 'LAST SIGN-IN', text: ({ lastSignInAt }) => timeToMinute(lastSignInAt) },
];
