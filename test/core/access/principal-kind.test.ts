import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { signedInCaller } from '../../../lambda/adapters/memory/signed-in-caller.ts';
import { type Grant, kindOf } from '../../../lambda/core/access/grant.ts';
import { grantRows } from '../../../lambda/core/dashboard/dashboard-rows.ts';
import { Sessions } from '../../../lambda/core/sessions/sessions.ts';

const start = 1_800_000_000;

async function accessOf(change: Partial<Grant>) {
  const stores = memoryStores();
  const caller = await signedInCaller(stores.grants, 'ada', start, change);
  const find = jest.spyOn(stores.sessions, 'find');
  const sessions = new Sessions(stores.sessions, { ttlSeconds: 3600, stale: 'renew' }, () => start);
  const access = await sessions.current(caller);
  if (typeof access === 'string') throw new Error(access);
  return { access, reads: find.mock.calls.length, stores };
}

test.each<[Partial<Grant>, string]>([
  [{}, 'person'],
  [{ kind: 'person' }, 'person'],
  [{ kind: 'service' }, 'service'],
])('the session step reads the kind of the user with the grant %p, without a further read', async (change, kind) => {
  const { access, reads } = await accessOf(change);
  expect([kindOf(access.grant), reads]).toEqual([kind, 1]);
});

test('the dashboard lists the kind of the user of a grant', async () => {
  const { stores } = await accessOf({ kind: 'service' });
  const { items } = await stores.directory.recentGrants({ limit: 1 });
  const rows = await grantRows(
    { directory: stores.directory, userNames: undefined, grantIdleSeconds: 1 },
    items,
    start,
  );
  expect(rows).toMatchObject([{ user: 'ada', kind: 'service', status: 'active' }]);
});
