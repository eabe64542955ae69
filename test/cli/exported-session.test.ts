import {
  type ExportedSession,
  type ReadOptions,
  type ReadResult,
  readExportedSession,
} from '../../cli/import/exported-session.ts';

const now = 1_800_000_000;
const hour = 3600;

const read = (
  fields: Record<string, unknown>,
  options: Partial<ReadOptions> = {},
  stored: Partial<ExportedSession> = {},
) => readExportedSession({ name: 'line 1', fields, ...stored }, { places: {}, ttlSeconds: 24 * hour, now, ...options });

function live(result: ReadResult) {
  if (result.kind !== 'live') throw new Error(JSON.stringify(result));
  return result;
}

const ada = { id: 'old', user: 'sub-of-ada' };

describe('the expiry of a session', () => {
  test.each([
    ['is that of the store', { expires_at: now + 1 }, { expiresAt: now + hour }, now + hour],
    ['is read in epoch seconds', { expires_at: now + hour }, {}, now + hour],
    ['is read in a string of epoch seconds', { expires_at: `${now + hour}.25` }, {}, now + hour],
    ['is read in milliseconds', { expiresAt: (now + hour) * 1000 }, {}, now + hour],
    ['is read in ISO 8601', { expires_at: '2027-01-15T09:00:00.5Z' }, {}, now + hour],
    ['is read with an offset', { expires_at: '2027-01-15 18:00:00+09' }, {}, now + hour],
    ['is read without an offset as UTC', { expires_at: '2027-01-15T09:00:00' }, {}, now + hour],
    ['is the lifetime after the last use, if the session has none', { last_activity: now - hour }, {}, now + 23 * hour],
    ['is the lifetime after now, if the session has no times', {}, {}, now + 24 * hour],
    ['is at most 90 days ahead', { expires_at: now + 1000 * 24 * hour }, {}, now + 90 * 24 * hour],
  ])('%s', (_, fields, stored, expiresAt) => {
    expect(live(read({ ...ada, ...fields }, {}, stored)).session.expiresAt).toBe(expiresAt);
  });

  test.each([
    { expires_at: now },
    { expires_at: now - 1, client_info: 'whatever [' },
    { last_activity: now - 25 * hour },
    { user: undefined, expires_at: now },
  ])('makes %j expired', (fields) => {
    expect(read({ ...ada, ...fields })).toEqual({ kind: 'expired' });
  });
});

describe('the initialize parameters', () => {
  const clientInfo = { name: 'claude-ai', version: '0.1.0', title: 'Claude' };

  test.each([
    ['as one object', { initialize: { protocolVersion: '2025-06-18', capabilities: { roots: {} }, clientInfo } }],
    ['as single fields', { protocol_version: '2025-06-18', capabilities: { roots: {} }, client_info: clientInfo }],
    [
      'as single fields of JSON',
      { protocolVersion: '2025-06-18', capabilities: '{"roots":{}}', client_info: JSON.stringify(clientInfo) },
    ],
  ])('are read %s', (_, fields) => {
    const initialize = { protocolVersion: '2025-06-18', capabilities: { roots: {} }, clientInfo };
    expect(live(read({ ...ada, ...fields })).session.initialize).toEqual(initialize);
  });

  test('are completed from the client name alone', () => {
    for (const fields of [{ client_name: 'codex' }, { client_info: 'codex' }]) {
      expect(live(read({ ...ada, ...fields })).session.initialize).toEqual({
        protocolVersion: '2025-03-26',
        capabilities: {},
        clientInfo: { name: 'codex', version: '0' },
      });
    }
  });

  test('can be absent', () => {
    expect(live(read(ada)).session).not.toHaveProperty('initialize');
  });
});

describe('the data of a session', () => {
  const dataOf = (fields: Record<string, unknown>, options: Partial<ReadOptions> = {}) =>
    Object.fromEntries(live(read({ ...ada, ...fields }, options)).data);

  test('consists of the data field’s members and of all unknown fields', () => {
    const fields = { data: { cart: ['tea'] }, theme: 'dark', created_at: now, nothing: null, empty: '' };
    expect(dataOf(fields)).toEqual({ cart: ['tea'], theme: 'dark' });
    expect(dataOf({ state: '{"cart":["tea"]}' })).toEqual({ cart: ['tea'] });
    expect(dataOf({ data: '[1, 2]' })).toEqual({ data: [1, 2] });
  });

  test('is parsed as JSON unless a number would lose digits', () => {
    const texts = { a: '1', b: 'true', c: '{"d":1}', e: '0012', f: '12345678901234567890', g: '1.0', h: '{' };
    expect(dataOf(texts)).toEqual({ ...texts, a: 1, b: true, c: { d: 1 } });
  });

  test('omits fields named like credentials unless they are requested', () => {
    const fields = { theme: 'dark', accessToken: 'x', csrf_secret: 'x', apiKey: 'x', token_count: 3 };
    const result = live(read({ ...ada, ...fields }));
    expect(result.data).toEqual([['theme', 'dark']]);
    expect(result.credentials).toEqual(['accessToken', 'csrf_secret', 'apiKey', 'token_count']);
    expect(dataOf(fields, { dataFields: ['token_count', 'missing'] })).toEqual({ token_count: 3 });
  });

  test('excludes a field that a path leads into', () => {
    const fields = { id: 'old', session: { auth: { sub: 'ada' }, cart: [] }, theme: 'dark' };
    const result = live(read(fields, { places: { user: 'session.auth.sub' } }));
    expect([result.subject, result.data]).toEqual(['ada', [['theme', 'dark']]]);
  });
});

test('the mapped field alone determines the user', () => {
  expect(read(ada, { places: { user: 'owner' } })).toEqual({ kind: 'without-user' });
  expect(live(read({ ...ada, owner: 42 }, { places: { user: 'owner' } })).subject).toBe('42');
});

test.each([
  [{ ...ada, id: undefined }, 'the id is missing'],
  [{ ...ada, id: 'a b' }, 'the id is not valid in a header'],
  [{ ...ada, id: 'x'.repeat(129) }, 'the id is not valid in a header'],
  [{ ...ada, user: { id: 1 } }, 'user is not a string'],
  [{ ...ada, created_at: 'yesterday' }, 'startedAt is not a time'],
  [{ ...ada, expires_at: '2027-13-45T00:00:00Z' }, 'expiresAt is not a time'],
  [{ ...ada, capabilities: '["roots"]' }, 'capabilities is not an object'],
  [{ ...ada, protocol_version: '1.0' }, 'protocolVersion is not a revision'],
  [{ ...ada, client_name: 'x'.repeat(9000) }, 'more than 8192 characters'],
])('reports malformed session %#', (fields, problem) => {
  expect(read(fields)).toEqual({ kind: 'malformed', problem: expect.stringContaining(problem) });
});
