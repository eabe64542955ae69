import {
  type ExportedSession,
  type Reading,
  readExportedSession,
  type Verdict,
} from '../../cli/import/exported-session.ts';

/** What is read out of the sessions of other servers, however they write them. */

const now = 1_800_000_000;
const hour = 3600;

const read = (fields: Record<string, unknown>, reading: Partial<Reading> = {}, known: Partial<ExportedSession> = {}) =>
  readExportedSession({ name: 'line 1', fields, ...known }, { places: {}, ttlSeconds: 24 * hour, now, ...reading });

function live(verdict: Verdict) {
  if (verdict.kind !== 'live') throw new Error(JSON.stringify(verdict));
  return verdict;
}

const ada = { id: 'old', user: 'sub-of-ada' };

describe('when it ends', () => {
  test.each([
    ['as the store says', { expires_at: now + 1 }, { expiresAt: now + hour }, now + hour],
    ['in epoch seconds', { expires_at: now + hour }, {}, now + hour],
    ['in a text of them', { expires_at: `${now + hour}.25` }, {}, now + hour],
    ['in milliseconds', { expiresAt: (now + hour) * 1000 }, {}, now + hour],
    ['in ISO 8601', { expires_at: '2027-01-15T09:00:00.5Z' }, {}, now + hour],
    ['with an offset', { expires_at: '2027-01-15 18:00:00+09' }, {}, now + hour],
    ['without an offset, which is UTC', { expires_at: '2027-01-15T09:00:00' }, {}, now + hour],
    ['after its last use, where nothing says so', { last_activity: now - hour }, {}, now + 23 * hour],
    ['after now, where nothing says anything', {}, {}, now + 24 * hour],
    ['after 90 days at most', { expires_at: now + 1000 * 24 * hour }, {}, now + 90 * 24 * hour],
  ])('%s', (_, fields, known, expiresAt) => {
    expect(live(read({ ...ada, ...fields }, {}, known)).session.expiresAt).toBe(expiresAt);
  });

  test.each([
    { expires_at: now },
    { expires_at: now - 1, client_info: 'whatever [' },
    { last_activity: now - 25 * hour },
    { user: undefined, expires_at: now },
  ])('has passed for %j', (fields) => {
    expect(read({ ...ada, ...fields })).toEqual({ kind: 'expired' });
  });
});

describe('what initialize had said', () => {
  const clientInfo = { name: 'claude-ai', version: '0.1.0', title: 'Claude' };

  test.each([
    ['whole', { initialize: { protocolVersion: '2025-06-18', capabilities: { roots: {} }, clientInfo } }],
    ['in parts', { protocol_version: '2025-06-18', capabilities: { roots: {} }, client_info: clientInfo }],
    [
      'in parts that are JSON',
      { protocolVersion: '2025-06-18', capabilities: '{"roots":{}}', client_info: JSON.stringify(clientInfo) },
    ],
  ])('is kept when it is there %s', (_, fields) => {
    const initialize = { protocolVersion: '2025-06-18', capabilities: { roots: {} }, clientInfo };
    expect(live(read({ ...ada, ...fields })).session.initialize).toEqual(initialize);
  });

  test('may be the name of the client alone', () => {
    for (const fields of [{ client_name: 'codex' }, { client_info: 'codex' }]) {
      expect(live(read({ ...ada, ...fields })).session.initialize).toEqual({
        protocolVersion: '2025-03-26',
        capabilities: {},
        clientInfo: { name: 'codex', version: '0' },
      });
    }
  });

  test('may be nothing', () => {
    expect(live(read(ada)).session).not.toHaveProperty('initialize');
  });
});

describe('the data', () => {
  const dataOf = (fields: Record<string, unknown>, reading: Partial<Reading> = {}) =>
    Object.fromEntries(live(read({ ...ada, ...fields }, reading)).data);

  test('is what has no meaning of its own, and the members of the field for it', () => {
    const fields = { data: { cart: ['tea'] }, theme: 'dark', created_at: now, nothing: null, empty: '' };
    expect(dataOf(fields)).toEqual({ cart: ['tea'], theme: 'dark' });
    expect(dataOf({ state: '{"cart":["tea"]}' })).toEqual({ cart: ['tea'] });
    expect(dataOf({ data: '[1, 2]' })).toEqual({ data: [1, 2] });
  });

  test('is JSON where it is that, and nothing is lost', () => {
    const texts = { a: '1', b: 'true', c: '{"d":1}', e: '0012', f: '12345678901234567890', g: '1.0', h: '{' };
    expect(dataOf(texts)).toEqual({ ...texts, a: 1, b: true, c: { d: 1 } });
  });

  test('stays behind where it is named like a credential, unless it is asked for', () => {
    const fields = { theme: 'dark', accessToken: 'x', csrf_secret: 'x', apiKey: 'x', token_count: 3 };
    const verdict = live(read({ ...ada, ...fields }));
    expect(verdict.data).toEqual([['theme', 'dark']]);
    expect(verdict.credentials).toEqual(['accessToken', 'csrf_secret', 'apiKey', 'token_count']);
    expect(dataOf(fields, { dataFields: ['token_count', 'missing'] })).toEqual({ token_count: 3 });
  });

  test('is not what a path leads into', () => {
    const fields = { id: 'old', session: { auth: { sub: 'ada' }, cart: [] }, theme: 'dark' };
    const verdict = live(read(fields, { places: { user: 'session.auth.sub' } }));
    expect([verdict.subject, verdict.data]).toEqual(['ada', [['theme', 'dark']]]);
  });
});

test('nobody but the named field says who the user is, once one is named', () => {
  expect(read(ada, { places: { user: 'owner' } })).toEqual({ kind: 'without-user' });
  expect(live(read({ ...ada, owner: 42 }, { places: { user: 'owner' } })).subject).toBe('42');
});

test.each([
  [{ ...ada, id: undefined }, 'it has no id'],
  [{ ...ada, id: 'a b' }, 'its id is none'],
  [{ ...ada, id: 'x'.repeat(129) }, 'its id is none'],
  [{ ...ada, user: { id: 1 } }, 'user is no text'],
  [{ ...ada, created_at: 'yesterday' }, 'startedAt is no time'],
  [{ ...ada, expires_at: '2027-13-45T00:00:00Z' }, 'expiresAt is no time'],
  [{ ...ada, capabilities: '["roots"]' }, 'capabilities is no object'],
  [{ ...ada, protocol_version: '1.0' }, 'protocolVersion is no revision'],
  [{ ...ada, client_name: 'x'.repeat(9000) }, 'more than 8192 characters'],
])('%# is malformed', (fields, problem) => {
  expect(read(fields)).toEqual({ kind: 'malformed', problem: expect.stringContaining(problem) });
});
