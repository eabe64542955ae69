import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { signedInCaller } from '../../../lambda/adapters/memory/signed-in-caller.ts';
import type { Caller } from '../../../lambda/core/access/caller.ts';
import { type ImportedSession, type Initialize, nameOfSession } from '../../../lambda/core/sessions/session.ts';
import { type SessionAccess, type SessionRules, Sessions } from '../../../lambda/core/sessions/sessions.ts';

const start = 1_800_000_000;
const hour = 3600;
const initialize: Initialize = {
  protocolVersion: '2025-06-18',
  capabilities: { elicitation: {} },
  clientInfo: { name: 'test', version: '1' },
};

/** One grant of ada and one of alan, and a clock to move. */
async function world(rules: Partial<SessionRules> = {}) {
  const stores = memoryStores();
  const clock = { now: start };
  const [ada, alan] = [
    await signedInCaller(stores.grants, 'ada', start),
    await signedInCaller(stores.grants, 'alan', start),
  ];
  const sessions = new Sessions(stores.sessions, { ttlSeconds: 24 * hour, stale: 'renew', ...rules }, () => clock.now);
  return { stores, clock, ada, alan, sessions };
}

function admitted(result: SessionAccess | string): SessionAccess {
  if (typeof result === 'string') throw new Error(`refused: ${result}`);
  return result;
}

describe('a legacy session', () => {
  test('is resumed under its id with its initialize parameters', async () => {
    const { sessions, ada } = await world();
    const { session } = admitted(await sessions.initialize(ada, initialize));
    expect(admitted(await sessions.resume(ada, session.id, undefined)).session).toEqual(session);
  });

  test('expires a TTL after its last request', async () => {
    const { sessions, ada, clock } = await world();
    const { session } = admitted(await sessions.initialize(ada, initialize));
    for (let day = 0; day < 5; day++) {
      clock.now += 23 * hour;
      const again = admitted(await sessions.resume(ada, session.id, undefined));
      await again.slid;
      expect(again.session).toMatchObject({ id: session.id, expiresAt: clock.now + 24 * hour });
    }
  });

  test.each([
    ['12 hours is written at most once in a twenty-fourth of it', 12, 1800],
    ['30 days is written at most once an hour', 720, 3600],
    ['20 minutes is written at most once a minute', 1 / 3, 60],
    ['six minutes is written at most once in a tenth of it', 0.1, 36],
  ])('with a TTL of %s', async (_what, ttlHours, seconds) => {
    const { sessions, ada, clock, stores } = await world({ ttlSeconds: ttlHours * hour });
    const { session } = admitted(await sessions.initialize(ada, initialize));
    const slide = jest.spyOn(stores.sessions, 'slide');
    clock.now += seconds - 1;
    await sessions.resume(ada, session.id, undefined);
    expect(slide).not.toHaveBeenCalled();
    clock.now += 1;
    await sessions.resume(ada, session.id, undefined);
    expect(slide).toHaveBeenCalledTimes(1);
  });

  test('costs one round trip to the store for each request', async () => {
    const { sessions, ada, stores } = await world();
    const { session } = admitted(await sessions.initialize(ada, initialize));
    const find = jest.spyOn(stores.sessions, 'find');
    await sessions.resume(ada, session.id, undefined);
    expect(find).toHaveBeenCalledTimes(1);
  });

  test('is renewed under a new id when it has expired, with its initialize parameters', async () => {
    const { sessions, ada, clock } = await world();
    const { session } = admitted(await sessions.initialize(ada, initialize));
    clock.now += 24 * hour;
    const renewed = admitted(await sessions.resume(ada, session.id, undefined)).session;
    expect(renewed.id).not.toBe(session.id);
    expect(renewed.initialize).toEqual(initialize);
  });

  test('that is renewed stays one session for all requests with the stale id', async () => {
    const { sessions, ada } = await world();
    const all = await Promise.all(Array.from({ length: 10 }, () => sessions.resume(ada, 'unknown-id', undefined)));
    all.push(await sessions.resume(ada, 'unknown-id', undefined));
    expect(new Set(all.map((each) => admitted(each).session.id)).size).toBe(1);
  });

  test('replaces all unknown ids of a grant, so that made-up ids create two items', async () => {
    const { sessions, ada, alan, stores } = await world();
    const renew = jest.spyOn(stores.sessions, 'renew');
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, n) => sessions.resume(ada, `made-up-${n}`, undefined)),
    );
    all.push(await sessions.resume(ada, 'another', undefined));
    expect(new Set(all.map((each) => admitted(each).session.id)).size).toBe(1);
    expect((await Promise.all(renew.mock.results.map(({ value }) => value))).filter(Boolean)).toHaveLength(1);
    const { id } = admitted(all[0]!).session;
    expect(admitted(await sessions.resume(ada, id, undefined)).session.id).toBe(id);
    expect(admitted(await sessions.resume(alan, 'made-up-0', undefined)).session.id).not.toBe(id);
  });

  test('that replaced unknown ids is followed by another when it has ended or expired', async () => {
    const { sessions, ada, clock } = await world();
    const idOf = async (id: string) => admitted(await sessions.resume(ada, id, undefined)).session.id;
    const first = await idOf('unknown-a');
    expect(await sessions.end(ada, first)).toBeUndefined();
    const second = await idOf('unknown-b');
    expect(second).not.toBe(first);
    expect(await sessions.resume(ada, first, undefined)).toBe('session-not-found');
    expect(await sessions.end(ada, 'unknown-c')).toBeUndefined();
    const third = await idOf('unknown-a');
    expect(new Set([first, second, third]).size).toBe(3);
    clock.now += 24 * hour;
    expect(await idOf('unknown-a')).not.toBe(third);
    expect(await sessions.end(ada, third)).toBe('session-not-found');
  });

  test.each(['expired', 'unknown'])(
    'of an %s id that its client never changes lasts as long as it is used',
    async (kind) => {
      const { sessions, ada, clock } = await world();
      const begun = admitted(await sessions.initialize(ada, initialize)).session;
      const id = kind === 'expired' ? begun.id : 'unknown-id';
      clock.now += 24 * hour;
      const renewed = admitted(await sessions.resume(ada, id, undefined)).session;
      for (let day = 0; day < 5; day++) {
        clock.now += 23 * hour;
        const again = admitted(await sessions.resume(ada, id, undefined));
        await again.slid;
        expect(again.session).toMatchObject({ id: renewed.id, expiresAt: clock.now + 24 * hour });
      }
      expect(await sessions.end(ada, id)).toBeUndefined();
    },
  );

  test('keeps its initialize parameters through any number of renewals under one id', async () => {
    const { sessions, ada, clock } = await world();
    const { session } = admitted(await sessions.initialize(ada, initialize));
    const ids = new Set([session.id]);
    for (let count = 0; count < 8; count++) {
      clock.now += 25 * hour;
      const renewed = admitted(await sessions.resume(ada, session.id, undefined)).session;
      expect(renewed.initialize).toEqual(initialize);
      ids.add(renewed.id);
    }
    expect(ids.size).toBe(9);
  });

  test('is found through the ids of all sessions that it followed', async () => {
    const { sessions, ada, clock } = await world();
    const ids = [admitted(await sessions.initialize(ada, initialize)).session.id];
    for (let count = 0; count < 4; count++) {
      clock.now += 24 * hour;
      ids.push(admitted(await sessions.resume(ada, ids.at(-1)!, undefined)).session.id);
    }
    for (const id of ids) expect(admitted(await sessions.resume(ada, id, undefined)).session.id).toBe(ids.at(-1));
  });

  test('of another user behaves as an unknown one and stays unchanged', async () => {
    const { sessions, ada, alan } = await world();
    const { session } = admitted(await sessions.initialize(ada, initialize));
    const his = admitted(await sessions.resume(alan, session.id, '2025-06-18')).session;
    expect(his).toMatchObject({ user: 'alan', grant: alan.grant });
    expect(his.id).not.toBe(session.id);
    expect(his.initialize?.clientInfo.name).toBe('unknown');
    expect(await sessions.end(alan, session.id)).toBeUndefined();
    expect(admitted(await sessions.resume(ada, session.id, undefined)).session).toEqual(session);
  });

  test('that was ended is rejected and not renewed', async () => {
    const { sessions, ada } = await world();
    const { session } = admitted(await sessions.initialize(ada, initialize));
    expect(await sessions.end(ada, session.id)).toBeUndefined();
    expect(await sessions.resume(ada, session.id, undefined)).toBe('session-not-found');
    expect(await sessions.end(ada, session.id)).toBe('session-not-found');
  });

  test('that is unknown or expired is rejected with the setting reject', async () => {
    const { sessions, ada, clock } = await world({ stale: 'reject' });
    const { session } = admitted(await sessions.initialize(ada, initialize));
    expect(await sessions.resume(ada, 'unknown', undefined)).toBe('session-not-found');
    clock.now += 24 * hour;
    expect(await sessions.resume(ada, session.id, undefined)).toBe('session-not-found');
  });

  test.each(['', ' current', 'a b', 'é', 'x'.repeat(129), 'a\nb'])('is rejected for the invalid id %j', async (id) => {
    const { sessions, ada } = await world();
    expect(await sessions.resume(ada, id, undefined)).toBe('session-not-found');
  });
});

describe('an imported session', () => {
  const old = {
    id: 'old-session',
    user: 'ada',
    initialize: { ...initialize, clientInfo: { name: 'old-client', version: '3' } },
    startedAt: start - 40 * hour,
    expiresAt: start + 2 * hour,
  };

  async function importing(rules: Partial<SessionRules> = {}, change: Partial<ImportedSession> = {}) {
    const all = await world(rules);
    await all.stores.sessions.addImported({ ...old, ...change }, start);
    return all;
  }

  test.each(['renew', 'reject'] as const)(
    'is resumed under its id with its initialize parameters (%s)',
    async (stale) => {
      const { sessions, ada, clock } = await importing({ stale });
      const { session } = admitted(await sessions.resume(ada, old.id, undefined));
      const { startedAt } = old;
      expect(nameOfSession(session)).toBe(old.id);
      expect(session).toMatchObject({ startedAt, grant: ada.grant, user: 'ada', initialize: old.initialize });
      // Its lifetime no longer depends on the other server.
      expect(session.expiresAt).toBe(start + 24 * hour);
      for (let day = 0; day < 3; day++) {
        clock.now += 23 * hour;
        const access = admitted(await sessions.resume(ada, old.id, undefined));
        await access.slid;
        expect(access.session.id).toBe(session.id);
      }
    },
  );

  test('has the TTL of its user’s groups', async () => {
    const { sessions, ada, stores } = await importing({ ttlSecondsByGroup: { staff: hour } });
    const { grant } = await stores.grants.findGrant(ada.grant);
    const find = stores.sessions.find;
    stores.sessions.find = async (...key) => ({ ...(await find(...key)), grant: { ...grant!, groups: ['staff'] } });
    expect(admitted(await sessions.resume(ada, old.id, undefined)).session.expiresAt).toBe(start + hour);
  });

  test('is one session for concurrent requests with its id', async () => {
    const { sessions, ada } = await importing();
    const all = await Promise.all(Array.from({ length: 10 }, () => sessions.resume(ada, old.id, undefined)));
    expect(new Set(all.map((each) => admitted(each).session.id)).size).toBe(1);
  });

  test('is resumed without stored initialize parameters', async () => {
    const { sessions, ada } = await importing({}, { initialize: undefined });
    const { session } = admitted(await sessions.resume(ada, old.id, '2025-06-18'));
    expect(session.initialize).toMatchObject({ protocolVersion: '2025-06-18', clientInfo: { name: 'unknown' } });
  });

  test('is unknown to other users and stays available to its user', async () => {
    const { sessions, alan, ada } = await importing();
    const his = admitted(await sessions.resume(alan, old.id, undefined)).session;
    expect(nameOfSession(his)).not.toBe(old.id);
    expect(his.initialize?.clientInfo.name).toBe('unknown');
    const { sessions: strict, alan: he } = await importing({ stale: 'reject' });
    expect(await strict.resume(he, old.id, undefined)).toBe('session-not-found');
    expect(await strict.end(he, old.id)).toBe('session-not-found');
    expect(nameOfSession(admitted(await sessions.resume(ada, old.id, undefined)).session)).toBe(old.id);
  });

  test('with the id of another user’s is a session under another internal id', async () => {
    const { sessions, ada, alan, stores } = await importing();
    await stores.sessions.addImported({ ...old, user: 'alan' }, start);
    const [hers, his] = [await sessions.resume(ada, old.id, undefined), await sessions.resume(alan, old.id, undefined)];
    expect([hers, his].map((each) => nameOfSession(admitted(each).session))).toEqual([old.id, old.id]);
    expect(admitted(hers).session.id).not.toBe(admitted(his).session.id);
  });

  test('is unknown after its expiry at the other server', async () => {
    const { sessions, ada, clock } = await importing({ stale: 'reject' });
    clock.now = old.expiresAt;
    expect(await sessions.resume(ada, old.id, undefined)).toBe('session-not-found');
  });

  test('that its client ends is rejected', async () => {
    const { sessions, ada } = await importing();
    expect(await sessions.end(ada, old.id)).toBeUndefined();
    expect(await sessions.resume(ada, old.id, undefined)).toBe('session-not-found');
  });

  test('is rejected when it was adopted and has expired', async () => {
    const { sessions, ada, clock } = await importing({ stale: 'reject' }, { expiresAt: start + 1000 * hour });
    await sessions.resume(ada, old.id, undefined);
    clock.now += 24 * hour;
    expect(await sessions.resume(ada, old.id, undefined)).toBe('session-not-found');
  });

  test('is read only for unknown ids', async () => {
    const { sessions, ada, stores } = await importing();
    const { session } = admitted(await sessions.initialize(ada, initialize));
    const look = jest.spyOn(stores.sessions, 'findImported');
    await sessions.resume(ada, session.id, undefined);
    await sessions.current(ada);
    expect(look).not.toHaveBeenCalled();
  });
});

describe('a modern session', () => {
  test('contains the calls of a grant until they pause for longer than the TTL', async () => {
    const { sessions, ada, clock } = await world();
    const first = admitted(await sessions.current(ada));
    clock.now += 24 * hour - 1;
    const second = admitted(await sessions.current(ada));
    await second.slid;
    clock.now += 24 * hour - 1;
    const third = admitted(await sessions.current(ada));
    await third.slid;
    expect([second.session.id, third.session.id]).toEqual([first.session.id, first.session.id]);
    clock.now += 24 * hour;
    expect(admitted(await sessions.current(ada)).session.id).not.toBe(first.session.id);
  });

  test('is one session for concurrent first calls', async () => {
    const { sessions, ada } = await world();
    const all = await Promise.all(Array.from({ length: 20 }, () => sessions.current(ada)));
    expect(new Set(all.map((each) => admitted(each).session.id)).size).toBe(1);
  });

  test('belongs to one grant', async () => {
    const { sessions, ada, alan } = await world();
    const [hers, his] = [admitted(await sessions.current(ada)), admitted(await sessions.current(alan))];
    expect(hers.session.id).not.toBe(his.session.id);
  });
});

describe.each(['legacy', 'modern'])('a %s request', (era) => {
  const request = async (sessions: Sessions, caller: Caller, id: string) =>
    era === 'legacy' ? sessions.resume(caller, id, undefined) : sessions.current(caller);

  test('is rejected as soon as its grant is revoked', async () => {
    const { sessions, ada, stores } = await world();
    const { session } = admitted(await sessions.initialize(ada, initialize));
    await stores.grants.revokeGrant(ada.grant, 0);
    expect(await request(sessions, ada, session.id)).toBe('unauthorized');
  });

  test('is rejected when its token has expired, whatever the gateway has cached', async () => {
    const { sessions, ada, clock } = await world();
    const { session } = admitted(await sessions.initialize(ada, initialize));
    clock.now = ada.expiresAt;
    expect(await request(sessions, ada, session.id)).toBe('unauthorized');
  });

  test('is rejected when its grant has been idle for too long', async () => {
    const { sessions, ada, clock } = await world();
    const { session } = admitted(await sessions.initialize(ada, initialize));
    clock.now += 30 * 24 * hour;
    expect(await request(sessions, ada, session.id)).toBe('unauthorized');
  });

  test('is rejected when the token names another user or client than the grant', async () => {
    const { sessions, ada } = await world();
    expect(await request(sessions, { ...ada, user: 'alan' }, 'some-id')).toBe('unauthorized');
    expect(await request(sessions, { ...ada, client: 'dcr_2' }, 'some-id')).toBe('unauthorized');
  });
});

describe('in direct mode', () => {
  const identity = { issuer: 'https://idp.example', subject: 'grace', groups: ['navy'] };
  const grace: Caller = {
    user: 'grace',
    grant: 'grant-outside-the-table',
    client: 'https://client.example/client.json',
    scopes: ['mcp'],
    expiresAt: start + hour,
    identity,
  };

  test('a caller has sessions without a grant in the table', async () => {
    const { sessions } = await world();
    const { grant, session } = admitted(await sessions.initialize(grace, initialize));
    expect(grant).toEqual({
      id: grace.grant,
      user: 'grace',
      client: grace.client,
      clientName: grace.client,
      ...identity,
    });
    expect(admitted(await sessions.resume(grace, session.id, undefined)).session).toEqual(session);
    expect(admitted(await sessions.current(grace)).session.grant).toBe(grace.grant);
    expect(await sessions.end(grace, session.id)).toBeUndefined();
    expect(await sessions.resume(grace, session.id, undefined)).toBe('session-not-found');
  });

  test('an expired token is rejected, though the gateway has cached its result', async () => {
    const { sessions, clock } = await world();
    clock.now = grace.expiresAt;
    expect(await sessions.current(grace)).toBe('unauthorized');
  });

  test('a revoked grant, or one of another caller, in the place of the grant revokes it', async () => {
    const { sessions, stores, ada } = await world();
    await stores.grants.revokeGrant(ada.grant, 0);
    const revoked = { ...grace, grant: ada.grant };
    expect(await sessions.current(revoked)).toBe('unauthorized');
    expect(await sessions.initialize(revoked, initialize)).toBe('unauthorized');
    expect(await sessions.isAuthorized(revoked)).toBe(false);
    const { sessions: others, alan } = await world();
    expect(await others.current({ ...grace, grant: alan.grant })).toBe('unauthorized');
  });

  test('a caller with a token of the facade needs a grant in the table', async () => {
    const { sessions } = await world();
    const { identity: _, ...facades } = grace;
    expect(await sessions.current(facades)).toBe('unauthorized');
  });
});

describe('the TTL by group', () => {
  const rules = { ttlSecondsByGroup: { guests: hour, staff: 72 * hour } };
  const inGroups = async (groups: string[]) => {
    const started = await world(rules);
    const { stores, ada } = started;
    const { grant } = await stores.grants.findGrant(ada.grant);
    const code = {
      grant: ada.grant,
      user: 'ada',
      client: 'dcr_1',
      redirectUri: '',
      challenge: '',
      scopes: [],
      expiresAt: 0,
    };
    const approval = { user: 'ada', client: 'dcr_1', clientName: 'Test', redirectHost: '', scopes: [], at: start };
    const tokens = { sealed: '', version: 1, expiresAt: 0, refreshedAt: 0 };
    await stores.grants.createGrant({ grant: { ...grant!, groups }, tokens, codeHash: 'again', code, approval });
    return started;
  };

  test.each([
    [[], 24],
    [['others'], 24],
    [['staff'], 72],
    [['guests'], 1],
    [['staff', 'guests'], 1],
    [['toString'], 24],
  ])('of a user in %j is %i hours, in both eras, sliding', async (groups, hours) => {
    const { sessions, ada, clock } = await inGroups(groups);
    const { session } = admitted(await sessions.initialize(ada, initialize));
    const modern = admitted(await sessions.current(ada)).session;
    for (const { expiresAt } of [session, modern]) expect(expiresAt).toBe(start + hours * hour);
    clock.now += hours * hour - 1;
    const slid = admitted(await sessions.resume(ada, session.id, undefined));
    await slid.slid;
    expect(slid.session).toMatchObject({ id: session.id, expiresAt: clock.now + hours * hour });
    clock.now += hours * hour;
    expect(admitted(await sessions.resume(ada, session.id, undefined)).session.id).not.toBe(session.id);
  });

  test('is shortened by the next request after the user has left a group', async () => {
    const { sessions, ada, clock, stores } = await inGroups(['staff']);
    const { session } = admitted(await sessions.initialize(ada, initialize));
    expect(session.expiresAt).toBe(start + 72 * hour);
    const { grant } = await stores.grants.findGrant(ada.grant);
    const change = { refresh: grant!.refresh, idleExpiresAt: grant!.idleExpiresAt, groups: [] };
    await stores.grants.rotate(ada.grant, 1, change);
    clock.now += 1;
    const admittedAgain = admitted(await sessions.resume(ada, session.id, undefined));
    await admittedAgain.slid;
    expect(admittedAgain.session.expiresAt).toBe(clock.now + 24 * hour);
    clock.now += 24 * hour;
    expect(admitted(await sessions.resume(ada, session.id, undefined)).session.id).not.toBe(session.id);
  });
});
