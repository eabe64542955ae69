import { type MemoryStores, memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { type SessionFilter, sessionList, sessionSummaryById } from '../../../lambda/core/admin/session-list.ts';
import type { ToolCall } from '../../../lambda/core/audit/tool-call.ts';
import type { Session } from '../../../lambda/core/sessions/session.ts';

/** Summaries of sessions in lists. */

const now = 1_800_000_000;

async function put(stores: MemoryStores, id: string, change: Partial<Session> = {}, calls = 1): Promise<void> {
  const session: Session = {
    id,
    grant: 'grant-of-ada',
    user: 'ada',
    era: 'legacy',
    startedAt: now,
    lastSeenAt: now,
    expiresAt: now + 5000,
    ...change,
  };
  await stores.sessions.start(session, 0);
  for (let index = 0; index < calls; index++) {
    const call: ToolCall = {
      id: `${id}-${index}`,
      at: session.startedAt * 1000 + index * 10,
      user: session.user,
      client: 'dcr_1',
      clientName: id.startsWith('codex') ? 'Codex' : 'Claude Code',
      grant: session.grant,
      session: id,
      era: session.era,
      method: 'tools/call',
      tool: 'note',
      outcome: index % 2 === 0 ? 'success' : 'tool-error',
      milliseconds: 5,
      bytesIn: 1,
      bytesOut: 1,
    };
    await stores.calls.recordCall(call, now + 999_999);
  }
}

const all = async (stores: MemoryStores, filter: SessionFilter, limit = 50) => {
  const parts = { ...stores, now: () => now * 1000 };
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page = await sessionList(parts, filter, { limit, after });
    ids.push(...page.items.map(({ id }) => id));
    after = page.next;
  } while (after !== undefined);
  return ids;
};

test('contain the sessions with calls that match the filter, page by page', async () => {
  const stores = memoryStores();
  await put(stores, 'old', { startedAt: now - 9000, lastSeenAt: now - 8000, expiresAt: now - 1 });
  await put(stores, 'codex-1', { startedAt: now - 200, lastSeenAt: now - 200 });
  await put(stores, 'others', { startedAt: now - 100, lastSeenAt: now - 100, user: 'alan', grant: 'grant-of-alan' });
  await put(stores, 'quiet', { startedAt: now - 50, lastSeenAt: now - 50 }, 0);
  await put(stores, 'latest');
  for (const limit of [1, 2, 50]) {
    expect(await all(stores, {}, limit)).toEqual(['latest', 'others', 'codex-1', 'old']);
    expect(await all(stores, { user: 'ada' }, limit)).toEqual(['latest', 'codex-1', 'old']);
    expect(await all(stores, { grant: 'grant-of-alan' }, limit)).toEqual(['others']);
    expect(await all(stores, { client: 'Codex' }, limit)).toEqual(['codex-1']);
    expect(await all(stores, { from: (now - 300) * 1000 }, limit)).toEqual(['latest', 'others', 'codex-1']);
    expect(await all(stores, { from: (now - 300) * 1000, user: 'ada' }, limit)).toEqual(['latest', 'codex-1']);
    expect(await all(stores, { to: (now - 150) * 1000 }, limit)).toEqual(['codex-1', 'old']);
  }
});

test('are sorted by the last call on a page of all users, which the table states late', async () => {
  const stores = memoryStores();
  await put(stores, 'slid', { startedAt: now - 100, lastSeenAt: now - 100 });
  await put(stores, 'not-slid-yet', { startedAt: now - 10, lastSeenAt: now - 3000 });
  expect(await all(stores, {})).toEqual(['not-slid-yet', 'slid']);
});

test('are partial for a session with many calls, with the time of its last call', async () => {
  const stores = memoryStores();
  await put(stores, 'busy', {}, 250);
  expect(await sessionSummaryById({ ...stores, now: () => now * 1000 }, 'busy')).toMatchObject({
    calls: 200,
    errors: 100,
    isPartial: true,
    firstCallAt: now * 1000,
    lastCallAt: now * 1000 + 249 * 10 + 5,
  });
});

test('state the end from the session or its grant', async () => {
  const stores = memoryStores();
  const grant = (id: string, change: object = {}) => ({
    grant: {
      ...{ id, status: 'active' as const, user: 'ada', issuer: 'i', subject: 's', client: 'dcr_1', clientName: 'c' },
      ...{ scopes: [], groups: [], createdAt: now - 9, absoluteExpiresAt: now + 99, idleExpiresAt: now + 99 },
      refresh: { head: 1, predecessor: 0, superseded: {} },
      ...change,
    },
    tokens: { sealed: '', version: 1, expiresAt: 0, refreshedAt: 0 },
    codeHash: id,
    code: { grant: id, user: 'ada', client: 'dcr_1', redirectUri: '', challenge: '', scopes: [], expiresAt: 0 },
    approval: { user: 'ada', client: 'dcr_1', clientName: 'c', redirectHost: '', scopes: [], at: 0 },
  });
  for (const id of ['live', 'revoked']) await stores.grants.createGrant(grant(id));
  await stores.grants.createGrant(grant('idle', { idleExpiresAt: now - 1 }));
  await stores.revocation.revokeGrant('revoked', now - 1);
  await put(stores, 'going-on', { grant: 'live' });
  await put(stores, 'closed', { grant: 'live', endedAt: now - 5 });
  await put(stores, 'ended-by-owner', { grant: 'live', endedAt: now - 5, endedBy: 'revocation' });
  await put(stores, 'run-out', { grant: 'live', expiresAt: now - 5 });
  await put(stores, 'of-a-revoked-grant', { grant: 'revoked' });
  await put(stores, 'run-out-before-its-grant-was-revoked', { grant: 'revoked', expiresAt: now - 5 });
  await put(stores, 'run-out-after-its-grant-was-revoked', { grant: 'revoked', expiresAt: now });
  await put(stores, 'of-an-idle-grant', { grant: 'idle' });
  const { items } = await sessionList({ ...stores, now: () => now * 1000 }, {}, { limit: 50 });
  expect(Object.fromEntries(items.map(({ id, ended }) => [id, ended]))).toEqual({
    'going-on': undefined,
    closed: 'closed by the client',
    'ended-by-owner': 'revoked',
    'run-out': 'expired',
    'of-a-revoked-grant': 'revoked',
    'run-out-before-its-grant-was-revoked': 'expired',
    'run-out-after-its-grant-was-revoked': 'revoked',
    'of-an-idle-grant': 'expired',
  });
});
