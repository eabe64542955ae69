import type { ExportedSession } from '../../cli/import/exported-session.ts';
import { discardingTarget, type ImportOptions, importSessions } from '../../cli/import/session-import.ts';
import { memoryStores } from '../../lambda/adapters/memory/memory-stores.ts';
import { userKey } from '../../lambda/core/access/user-key.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';

const now = 1_800_000_000;
const issuer = 'https://idp.example';

const options = (change: Partial<ImportOptions> = {}): ImportOptions => ({
  issuer,
  target: discardingTarget,
  places: {},
  ttlSeconds: 3600,
  now: () => now,
  progress: () => undefined,
  ...change,
});

const exported = (number: number): ExportedSession => ({
  name: `line ${number}`,
  fields: { id: `old-${number}`, user: 'ada', cart: number, theme: 'dark' },
});

async function* sessions(count: number) {
  for (let number = 1; number <= count; number++) yield exported(number);
}

test('importSessions holds a bounded number of sessions in memory', async () => {
  let [started, ended, most] = [0, 0, 0];
  async function* counted() {
    for await (const session of sessions(500)) {
      started += 1;
      most = Math.max(most, started - ended);
      yield session;
    }
  }
  const addImported = async () => {
    await new Promise((resolve) => setTimeout(resolve));
    ended += 1;
    return true;
  };
  const tally = await importSessions(
    counted(),
    options({ target: { ...discardingTarget, sessions: { addImported } } }),
  );
  expect(tally).toMatchObject({ read: 500, imported: 500, fields: { imported: 1000 } });
  expect(most).toBeGreaterThan(8);
  expect(most).toBeLessThanOrEqual(33);
});

test('importSessions continues after an outage when repeated, and overwrites nothing', async () => {
  const { sessions: store, state } = memoryStores();
  let left = 20;
  const failing: typeof state.put = (...put) => {
    if (left-- <= 0) throw new ServiceUnavailableError('The session table', new Error('gone'));
    return state.put(...put);
  };
  const broken = options({ target: { sessions: store, state: { ...state, put: failing } } });
  await expect(importSessions(sessions(50), broken)).rejects.toThrow(
    /^Stopped after \d+ sessions.*Run the import again/s,
  );

  const user = await userKey(issuer, 'ada');
  // Meanwhile the user has resumed the session, and a tool has changed its data.
  await state.put(user, { key: 'imported/old-1/cart', value: 'changed', version: 2, expiresAt: now + 100 }, 1, now);
  const target = { sessions: store, state };
  const again = await importSessions(sessions(50), options({ target }));
  expect(again.imported + again.alreadyThere).toBe(50);
  expect((await state.get(user, 'imported/old-1/cart', now))?.value).toBe('changed');
  for (let number = 1; number <= 50; number++) {
    const id = `old-${number}`;
    expect(await store.findImported(user, id)).toMatchObject({ id, user, expiresAt: now + 3600 });
    expect(await state.get(user, `imported/${id}/theme`, now)).toMatchObject({ value: 'dark', expiresAt: now + 3600 });
    expect((await state.get(user, `imported/${id}`, now))?.value).toMatchObject({ fields: ['cart', 'theme'] });
  }
  expect(await importSessions(sessions(50), options({ target }))).toMatchObject({ imported: 0, alreadyThere: 50 });
});

test('importSessions restores neither data that a tool deleted nor a session that its user resumed', async () => {
  const { sessions: store, state } = memoryStores();
  const target = { sessions: store, state };
  await importSessions(sessions(1), options({ target }));
  const user = await userKey(issuer, 'ada');
  await state.delete(user, 'imported/old-1/cart');
  const session = { id: 'adopted', user, grant: 'g', era: 'legacy' as const, startedAt: now, lastSeenAt: now };
  await store.adoptImported({ ...session, expiresAt: now + 100 }, 'old-1', now);
  expect(await importSessions(sessions(1), options({ target }))).toMatchObject({ imported: 0, alreadyThere: 1 });
  expect(await state.get(user, 'imported/old-1/cart', now)).toBeUndefined();
  expect(await store.findImported(user, 'old-1')).toBeUndefined();
});
