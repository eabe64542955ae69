import { dynamoAssertionStore } from '../../lambda/adapters/dynamodb/assertion-store.ts';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit/audit-log-writer.ts';
import { dynamoChangeStore } from '../../lambda/adapters/dynamodb/change-store.ts';
import type { TableClient } from '../../lambda/adapters/dynamodb/client/table-client.ts';
import { dynamoExecutionStore } from '../../lambda/adapters/dynamodb/execution-store.ts';
import { dynamoFlowStore } from '../../lambda/adapters/dynamodb/flow-store.ts';
import { dynamoGrantStore } from '../../lambda/adapters/dynamodb/grant-store.ts';
import { dynamoClientStore } from '../../lambda/adapters/dynamodb/oauth-clients/client-store.ts';
import { dynamoRateLimitStore } from '../../lambda/adapters/dynamodb/rate-limit-store.ts';
import { dynamoRequestStateStore } from '../../lambda/adapters/dynamodb/request-state-store.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import { dynamoStateStore } from '../../lambda/adapters/dynamodb/state-store.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { dynamoDashboardSessionStarter } from '../../lambda/adapters/dynamodb/user-writes.ts';
import { newExecution } from '../../lambda/core/mcp/execution.ts';
import type { AuthorizationRequest } from '../../lambda/core/oauth/authorization-flow.ts';
import type { Session } from '../../lambda/core/sessions/session.ts';
import * as itemType from '../../lambda/shared/item-types.ts';
import { toolCall } from '../support/tool-call-builder.ts';

/** The attribute by which DynamoDB deletes each kind of item: no reader sees it, and an item without it stays for good. */

const HOUR = 3600;
const DAY = 24 * HOUR;
const RETENTION = 30 * DAY;
const now = 1_800_000_000;
const end = now + HOUR;

const kindOf = (type: unknown) => Object.entries(itemType).find(([, stored]) => stored === type)?.[0] ?? 'update';

/** `ttl` of each item that the work puts or updates, by the kind of the item; `update` is one whose kind stays as it is. */
async function expiriesOf(work: (table: TableConnection) => unknown): Promise<Record<string, unknown>> {
  const expiries: Record<string, unknown> = {};
  type Write = {
    Item?: Record<string, unknown>;
    UpdateExpression?: string;
    ExpressionAttributeValues?: Record<string, unknown>;
  };
  const write = async ({ Item, UpdateExpression, ExpressionAttributeValues: values = {} }: Write) => {
    if (Item) expiries[kindOf(Item.type)] = Item.ttl;
    const [, name] = /#ttl = (?:if_not_exists\(#ttl, )?(:\w+)/.exec(UpdateExpression ?? '') ?? [];
    if (name !== undefined) expiries[kindOf(values[':type'])] = values[name];
    return { Attributes: { version: 1, expiresAt: end } };
  };
  const client = {
    put: write,
    update: write,
    transactWrite: ({ TransactItems }: { TransactItems: { Put?: Write; Update?: Write }[] }) =>
      Promise.all(TransactItems.map(({ Put, Update }) => write(Put ?? Update ?? {}))),
  };
  await work({ client: client as unknown as TableClient, name: 'Table' });
  return expiries;
}

const session: Session = {
  id: 'session',
  grant: 'grant',
  user: 'ada',
  era: 'legacy',
  startedAt: now,
  lastSeenAt: now,
  expiresAt: end,
};
const request: AuthorizationRequest = {
  client: 'dcr_1',
  clientName: 'Test',
  clientIdentity: { kind: 'self-registered' },
  redirectUri: 'http://127.0.0.1/cb',
  scopes: ['mcp'],
  challenge: 'c',
};
const binding = { browser: 'b', expiresAt: end };
const grant = {
  id: 'grant',
  status: 'active' as const,
  user: 'ada',
  issuer: 'https://idp.example',
  subject: 'ada',
  client: 'dcr_1',
  clientName: 'Test',
  scopes: ['mcp'],
  groups: [],
  createdAt: now,
  absoluteExpiresAt: now + 90 * DAY,
  idleExpiresAt: now + 30 * DAY,
  refresh: { head: 1, predecessor: 0, superseded: {} },
};
const created = {
  grant,
  tokens: { sealed: 's', version: 1, expiresAt: end, refreshedAt: now },
  codeHash: 'code',
  code: { ...request, grant: 'grant', user: 'ada', expiresAt: now + 60 },
  approval: { ...request, user: 'ada', redirectHost: '127.0.0.1', at: now },
};
const execution = newExecution('grant', 'session', 'stream', [1], now, 600);
const imported = { id: 'imported', user: 'ada', startedAt: now, expiresAt: end };

test.each<[string, (table: TableConnection) => unknown, Record<string, number>]>([
  [
    'a session, with the retention of its calls',
    (table) => dynamoSessionStore(table, RETENTION).start(session, now),
    { session: end + RETENTION },
  ],
  [
    'a renewed session and the name that leads to it',
    (table) => dynamoSessionStore(table, RETENTION).renew(session, 'stale', now),
    { session: end + RETENTION, renewedSession: end + RETENTION },
  ],
  [
    'a session that slides',
    (table) => dynamoSessionStore(table, RETENTION).slide(session, now, end + 60),
    { update: end + 60 + RETENTION },
  ],
  ['an imported session', (table) => dynamoSessionStore(table).addImported(imported, now), { importedSession: end }],
  [
    'a grant, its upstream tokens, its code for an hour of detection, the approval and the user',
    (table) => dynamoGrantStore(table).createGrant(created),
    {
      grant: now + 90 * DAY,
      upstreamTokens: now + 90 * DAY,
      code: now + 60 + HOUR,
      approval: now + 400 * DAY,
      user: now + 400 * DAY,
    },
  ],
  [
    'the upstream tokens of a revoked grant',
    (table) => dynamoGrantStore(table).revokeGrant('grant', now),
    { upstreamTokens: now + 8 * DAY },
  ],
  [
    'a grant without a sign-in, and its user',
    (table) => dynamoGrantStore(table).keepStandingGrant(grant, now),
    { grant: now + 90 * DAY, user: now + 400 * DAY },
  ],
  [
    'an authorization request',
    (table) => dynamoFlowStore(table).putAuthorizationRequest('handle', { ...request, ...binding }),
    { authorizationRequest: end },
  ],
  [
    'a sign-in at the provider',
    (table) => dynamoFlowStore(table).putUpstreamState('state', { ...request, ...binding }),
    { signIn: end },
  ],
  [
    'a dashboard session',
    (table) =>
      dynamoDashboardSessionStarter(table).startDashboardSession(
        'cookie',
        { user: 'ada', groups: [], expiresAt: end },
        now,
      ),
    { dashboardSession: end, user: now + 400 * DAY },
  ],
  [
    'a registered client',
    (table) =>
      dynamoClientStore(table).register({ id: 'a', name: 'A', redirectUris: [], createdAt: now, expiresAt: end }),
    { client: end },
  ],
  ['an extended client', (table) => dynamoClientStore(table).extend('a', now, end), { update: end }],
  ['a rate limit', (table) => dynamoRateLimitStore(table).advance('a', undefined, now), { rateLimit: end }],
  ['a spent assertion', (table) => dynamoAssertionStore(table).spendAssertion('a', now, end), { spentAssertion: end }],
  [
    'a used request state',
    (table) =>
      dynamoRequestStateStore(table).useRequestState('grant', { nonce: 'n', inputs: '', usedAt: now, expiresAt: end }),
    { usedState: end },
  ],
  [
    'the state of a tool',
    (table) => dynamoStateStore(table).put('ada', { key: 'k', value: '1', version: 1, expiresAt: end }, 0, now),
    { state: end },
  ],
  [
    'overwritten state of a tool',
    (table) => dynamoStateStore(table).overwrite('ada', { key: 'k', value: '1', expiresAt: end }),
    { state: end },
  ],
  [
    'an execution and its request',
    (table) => dynamoExecutionStore(table).createExecution(execution, 'text'),
    { execution: now + 600, executionText: now + 600 },
  ],
  [
    'a change and its listener',
    async (table) => {
      const changes = dynamoChangeStore(table);
      await changes.publishChange('ada', { at: now, id: 'a', change: { kind: 'tools_list_changed' } }, end);
      await changes.listen('ada', 'session', 'listener', end);
    },
    { change: end, listener: end },
  ],
  [
    'a call, and its marker five minutes later',
    (table) => dynamoAuditLogWriter(table).recordCall(toolCall({ id: 'a', at: now * 1000 }), end),
    { call: end, callMarker: end + 300 },
  ],
])('DynamoDB deletes %s', async (_name, work, expiries) => {
  expect(await expiriesOf(work)).toEqual(expiries);
});
