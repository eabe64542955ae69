import { type MemoryStores, memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { directDirectory } from '../../../lambda/core/admin/direct-directory.ts';
import type { Session } from '../../../lambda/core/sessions/session.ts';
import { toolCall } from '../../support/tool-call-builder.ts';

/** Direct mode: grants and users as their sessions show them. */

const now = 1_800_000_000;

async function start(stores: MemoryStores, id: string, change: Partial<Session> & { client?: string }): Promise<void> {
  const { client = 'one', ...given } = change;
  const session: Session = {
    id,
    grant: 'grant',
    user: 'ada',
    era: 'legacy',
    startedAt: now,
    lastSeenAt: now,
    expiresAt: now + 5000,
    ...given,
  };
  await stores.sessions.start(session, 0);
  const { user, grant, startedAt } = session;
  await stores.calls.recordCall(toolCall({ id, at: startedAt * 1000, session: id, user, grant, client }), now + 9999);
}

const directoryOf = (stores: MemoryStores) =>
  directDirectory({
    directory: stores.directory,
    calls: stores.calls,
    sessionUnder: async (grant) =>
      (await stores.directory.recentSessions({ limit: 99 })).items.find((each) => each.grant === grant),
    seconds: () => now,
  });

test('a grant has the dates of all its sessions on the page', async () => {
  const stores = memoryStores();
  await start(stores, 'first', { startedAt: now - 500, lastSeenAt: now - 10 });
  await start(stores, 'second', { startedAt: now - 100, lastSeenAt: now - 50 });
  const { items, next } = await directoryOf(stores).grantsOf('ada', { limit: 10 });
  expect(items).toEqual([
    expect.objectContaining({
      id: 'grant',
      client: 'one',
      status: 'active',
      createdAt: now - 500,
      lastSeenAt: now - 10,
    }),
  ]);
  expect(next).toBeUndefined();
});

test('a grant whose sessions fill several pages of sessions has the dates of all of them', async () => {
  const stores = memoryStores();
  for (let age = 1; age <= 12; age++) await start(stores, `session-${age}`, { startedAt: now - age, lastSeenAt: now });
  const { items, next } = await directoryOf(stores).grantsOf('ada', { limit: 3 });
  expect(items).toEqual([expect.objectContaining({ id: 'grant', createdAt: now - 12 })]);
  expect(next).toBeUndefined();
});

test('pages of grants lead to every grant of a user', async () => {
  const stores = memoryStores();
  for (let index = 0; index < 30; index++) {
    await start(stores, `session-${index}`, { grant: `grant-${index % 7}`, startedAt: now + index });
  }
  const directory = directoryOf(stores);
  const found = new Set<string>();
  let after: string | undefined;
  do {
    const page = await directory.grantsOf('ada', { limit: 2, after });
    for (const { id } of page.items) found.add(id);
    after = page.next;
  } while (after !== undefined);
  expect(found.size).toBe(7);
});

test('users are those of sessions, with the time of their latest session', async () => {
  const stores = memoryStores();
  await start(stores, 'a', { startedAt: now - 300, lastSeenAt: now - 300 });
  await start(stores, 'b', { startedAt: now - 100, lastSeenAt: now - 100 });
  await start(stores, 'c', { user: 'alan', grant: 'other', startedAt: now - 200, lastSeenAt: now - 200 });
  const { items } = await directoryOf(stores).recentUsers({ limit: 10 });
  expect(items).toEqual([
    { user: 'ada', firstSignInAt: now - 300, lastSignInAt: now - 100 },
    { user: 'alan', firstSignInAt: now - 200, lastSignInAt: now - 200 },
  ]);
});

test('the user of a grant is that of its session, and a grant without sessions is unknown', async () => {
  const stores = memoryStores();
  await start(stores, 'a', { user: 'alan', grant: 'known' });
  const grants = await directoryOf(stores).grants(['known', 'unknown']);
  expect(grants.map(({ id, user }) => [id, user])).toEqual([['known', 'alan']]);
});
