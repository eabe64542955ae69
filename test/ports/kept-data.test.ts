import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signedTableClient } from '../../lambda/adapters/dynamodb/client/signed-table-client.ts';
import type { MemoryStores } from '../../lambda/adapters/memory/memory-stores.ts';
import { CURRENT, type Session } from '../../lambda/core/sessions/session.ts';
import { type DynamoDb, startDynamoDb } from '../../local/dynamodb/dynamodb-service.ts';
import { emulatorPrincipal, FunctionPrincipals } from '../../local/iam/principals.ts';
import { definition, storesIn } from '../support/contract-stores.ts';

/**
 * Data that the first version wrote, in the folder beside this file: one or two items of each kind, through its stores, at
 * 1,800,000,000 epoch seconds. Later versions read it.
 */
const now = 1_800_000_000;
const day = 24 * 3600;
const grant = 'grant-of-ada';
const user = 'user-of-ada';

let folder: string;
let database: DynamoDb;
let stores: MemoryStores;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-kept-'));
  cpSync(join(__dirname, 'data-of-first-version'), folder, { recursive: true });
  const principals = new FunctionPrincipals();
  principals.add('TEST', emulatorPrincipal);
  database = await startDynamoDb({ folder, principals, now: () => now * 1000 });
  await database.createTable(definition, 'Holdfast');
  const credentials = { accessKeyId: 'TEST', secretAccessKey: 'test' };
  stores = storesIn({
    client: signedTableClient(new URL(database.endpoint), 'us-east-1', credentials),
    name: 'Holdfast',
  });
});

afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true });
});

const options = { limit: 10 };

test('a grant of the first version keeps its refresh state and its upstream tokens', async () => {
  expect(await stores.grants.findGrant(grant)).toEqual({
    grant: {
      id: grant,
      status: 'active',
      user,
      issuer: 'https://idp.example',
      subject: 'ada',
      client: 'dcr_1',
      clientName: 'Claude',
      scopes: ['mcp'],
      groups: ['staff'],
      createdAt: now,
      absoluteExpiresAt: now + 90 * day,
      idleExpiresAt: now + 30 * day,
      refresh: { head: 2, predecessor: 1, superseded: { 1: now } },
    },
    tokens: { sealed: 'sealed-tokens', version: 3, expiresAt: now + 3600, refreshedAt: now },
  });
  expect((await stores.directory.grantsOf(user, options)).items.map(({ id }) => id)).toEqual([grant]);
  expect((await stores.directory.recentUsers(options)).items).toEqual([
    { user, sealedName: 'sealed-name', firstSignInAt: now, lastSignInAt: now },
  ]);
});

test('an authorization code of the first version is redeemed once', async () => {
  expect(await stores.grants.findCode('code-hash')).toMatchObject({ grant, user, challenge: 'challenge' });
  expect(await stores.grants.redeemCode('code-hash', grant, now + 1)).toBe('written');
  expect(await stores.grants.redeemCode('code-hash', grant, now + 1)).toBe('conflict');
});

test('sessions of the first version continue, with the preferences of their clients', async () => {
  const legacy = (await stores.sessions.find(grant, 'session-of-2025')).stored as Session;
  expect(legacy).toMatchObject({
    id: 'session-of-2025',
    era: 'legacy',
    expiresAt: now + day,
    logLevel: 'error',
    subscriptions: new Set(['notes://all']),
    initialize: { protocolVersion: '2025-11-25', clientInfo: { name: 'claude-code' } },
  });
  expect((await stores.sessions.find(grant, 'stale-id')).stored).toMatchObject({ renewedAs: 'session-renewed' });
  expect((await stores.sessions.find(grant, CURRENT)).stored).toMatchObject({ id: 'session-of-2026', era: 'modern' });
  expect(await stores.sessions.findImported(user, 'imported')).toMatchObject({ startedAt: now - day });
});

test('executions of the first version keep their input requests, events and outcomes', async () => {
  const [stream, task] = (await stores.executions.executionsOf(grant)).toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
  expect(stream).toMatchObject({ kind: 'stream', status: 'input-required', open: ['0'], events: 1, version: 2 });
  expect(task).toMatchObject({ kind: 'task', status: 'done', events: 1, answers: { 'who#1': 'answer' } });
  expect(await stores.executions.eventsAfter(stream!, 0)).toEqual([
    { number: 1, message: { jsonrpc: '2.0', method: 'elicitation/create', id: 'x.0' } },
  ]);
  expect(await stores.executions.loadRequest(task!)).toEqual({
    request: '{"request":"task"}',
    answers: new Map([['answer', '{"action":"accept"}']]),
  });
});

test('tool calls of the first version are in the audit log, by session and by time', async () => {
  const { calls } = await stores.calls.callsOf('session-of-2025', { limit: 10, now });
  expect(calls.map(({ id, outcome, milliseconds }) => [id, outcome, milliseconds])).toEqual([
    ['call-1', 'success', 12],
    ['call-2', 'tool-error', 7],
  ]);
  const ended: string[] = [];
  for await (const { id } of stores.calls.callsEndedIn((now * 1000) / 300_000)) ended.push(id);
  expect(ended.sort()).toEqual(['call-1', 'call-2']);
});

test('aggregates of the first version are read, and counting continues where it stopped', async () => {
  const aggregates = Object.values(stores).find((store) => 'moveOn' in store) as MemoryStores['aggregates'];
  expect(await aggregates.load('calls', 'minutes', now * 1000, now * 1000 + 1)).toEqual([
    {
      at: now * 1000,
      aggregates: {
        rows: [{ client: 'claude-code', tool: 'note', outcome: 'success', calls: 1, durations: { 14: 1 } }],
        users: { abcdefabcdef: null },
        sessions: { abcdefabcdef: [now * 1000, now * 1000 + 12] },
      },
    },
  ]);
  expect(await aggregates.countedUntil()).toBe(now * 1000 + 300_000);
});

test('dashboard sessions, state, changes, keys and clients of the first version are read', async () => {
  expect(await stores.dashboardSessions.findDashboardSession('cookie-hash')).toMatchObject({
    user,
    groups: ['owners'],
  });
  expect(await stores.state.get(user, 'counter', now)).toMatchObject({ value: { calls: 2 }, version: 2 });
  expect(await stores.changes.changesSince(user, 'session-of-2025', now)).toEqual({
    changes: [{ id: 'change', at: now, change: { kind: 'tools_list_changed' } }],
    listener: 'listener',
  });
  expect(await stores.sealedKeys.loadKey('refresh-mac')).toBe('sealed-key');
  expect(await stores.clients.find('dcr_1', now)).toMatchObject({ name: 'Claude' });
});

test('pending sign-ins of the first version are found, and used codes stay used', async () => {
  expect(await stores.assertions.spendAssertion('assertion-hash', now, now + 60)).toBe(false);
  expect(await stores.documents.findDocument('url-hash')).toMatchObject({ document: { text: '{}', etag: '"1"' } });
  expect(await stores.flows.findAuthorizationRequest('request-hash')).toMatchObject({
    state: 'state',
  });
  expect(await stores.flows.findUpstreamState('state-hash')).toMatchObject({ browser: 'browser-hash' });
});
