import { register } from '../../bench/harness/raw-oauth-client.ts';
import { Browser } from '../../local/testing/form-browser.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { expectPage, json, offeredAt, open, rawRequest } from '../support/wire-checks.ts';

jest.setTimeout(60_000);

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start();
});
afterAll(() => target?.stop());

/** The client id of the facade at the identity provider, which is unknown here. */
async function upstreamClientId(): Promise<string> {
  const client = await target.client();
  const browser = new Browser();
  const consent = await browser.open(client.authorizationUrl());
  const provider = await browser.submit(consent, { answer: 'approve' }, 'http://localhost:');
  return new URL(provider.url).searchParams.get('client_id')!;
}

test.each<[string, () => string | undefined | Promise<string>]>([
  ['unknown', () => 'dcr_unknown'],
  ['the one at the identity provider', upstreamClientId],
  ['omitted', () => undefined],
  ['empty', () => ''],
  ['a key of the table', () => 'CL#dcr_unknown'],
  ['a URL of this server', () => `${target.origin}/client.json`],
  ['the name of an object property', () => '__proto__'],
  ['very long', () => 'x'.repeat(4000)],
])('A27: a client_id that is %s is rejected without redirect', async (_what, id) => {
  expectPage(await open((await target.client()).authorizationUrl({ client_id: await id() })));
});

test('A27: a repeated client_id is rejected without redirect', async () => {
  const client = await target.client();
  expectPage(await open(`${client.authorizationUrl()}&client_id=${client.id}`));
});

test.each<[Record<string, string | undefined>, string]>([
  [{ response_type: 'token' }, 'unsupported_response_type'],
  [{ response_type: 'id_token' }, 'unsupported_response_type'],
  [{ response_type: 'code token' }, 'unsupported_response_type'],
  [{ response_type: 'code id_token' }, 'unsupported_response_type'],
  [{ response_type: 'none' }, 'unsupported_response_type'],
  [{ response_type: 'CODE' }, 'unsupported_response_type'],
  [{ response_type: undefined }, 'invalid_request'],
  [{ response_mode: 'fragment' }, 'invalid_request'],
  [{ response_mode: 'form_post' }, 'invalid_request'],
  [{ response_mode: 'query.jwt' }, 'invalid_request'],
  [{ request: 'e30.e30.' }, 'request_not_supported'],
  [{ request_uri: 'https://evil.example/request' }, 'request_uri_not_supported'],
  [{ prompt: 'none' }, 'interaction_required'],
  [{ prompt: 'login none' }, 'interaction_required'],
  [{ resource: 'https://evil.example/mcp' }, 'invalid_target'],
  [{ resource: 'mcp' }, 'invalid_target'],
])('A28: %j is answered by a page that offers the error to the client, without a token', async (change, error) => {
  const page = await open((await target.client()).authorizationUrl(change));
  const answer = offeredAt(page);
  expect(answer).toMatchObject({ error, state: 'the-state', iss: target.origin });
  expect(Object.keys(answer).sort()).toEqual(['error', 'error_description', 'iss', 'state']);
});

test('A28: an unsupported request stores no authorization request', async () => {
  const client = await target.client();
  const before = await target.items('AR#');
  await open(client.authorizationUrl({ response_type: 'token' }));
  await open(client.authorizationUrl({ prompt: 'none' }));
  expect(await target.items('AR#')).toEqual(before);
});

test.each<[string, Record<string, string | undefined>]>([
  ['no resource', { resource: undefined }],
  ['the resource by its origin', { resource: '' }],
  ['the resource by its origin with a slash', { resource: '/' }],
  ['the resource with a slash', { resource: '/mcp/' }],
  ['the resource with a query', { resource: '/mcp?x=1' }],
  ['unknown scopes', { scope: 'mcp offline_access openid' }],
  ['only unknown scopes', { scope: 'admin MCP' }],
  ['no scope', { scope: undefined }],
])('A28: a request with %s, as clients send it, shows the consent page', async (_what, change) => {
  const resource = change.resource === undefined ? {} : { resource: `${target.origin}${change.resource}` };
  const page = await open((await target.client()).authorizationUrl({ ...change, ...resource }));
  expect(page.html).toContain('Connect “By hand”?');
});

test('AS18: a resource may come several times if each names this server (RFC 8707 §2)', async () => {
  const client = await target.client();
  const request = (resources: string[]) =>
    open(`${client.authorizationUrl()}${resources.map((each) => `&resource=${encodeURIComponent(each)}`).join('')}`);
  const ours = ['/mcp', '/mcp', '/mcp/', '/', ''].map((path) => target.origin + path);
  expect((await request(ours)).html).toContain('Connect “By hand”?');
  for (const other of ['https://evil.example/mcp', 'mcp', `${target.origin}/other`, `${target.origin}/mcp#x`]) {
    for (const resources of [
      [other, ...ours],
      [...ours, other],
      [other, other],
    ]) {
      expect(offeredAt(await request(resources))).toMatchObject({ error: 'invalid_target' });
    }
  }
});

test('RS17: a resource with an upper-case scheme is accepted, and one with a fragment rejected', async () => {
  const client = await target.client();
  const capitals = `${target.origin.replace('http:', 'HTTP:')}/mcp`;
  expect((await open(client.authorizationUrl({ resource: capitals }))).html).toContain('Connect “By hand”?');
  const page = await open(client.authorizationUrl({ resource: `${target.origin}/mcp#x` }));
  expect(offeredAt(page)).toMatchObject({ error: 'invalid_target' });
});

const form = 'application/x-www-form-urlencoded';

test.each<[string, string | undefined, string | Buffer]>([
  ['no content type', undefined, 'grant_type=refresh_token'],
  ['an empty content type', '', 'grant_type=refresh_token'],
  ['JSON', 'application/json', '{"grant_type":"refresh_token"}'],
  ['a multipart form', 'multipart/form-data; boundary=x', '--x--'],
  ['a multipart form without a boundary', 'multipart/form-data; boundary', 'x'],
  ['a content type of semicolons', ';;;', 'x'],
  ['an invalid content type', '\u00ff/\u00fe', 'x'],
  ['a content type with a list', `${form}, application/json`, 'x=1'],
  ['no body', form, ''],
  ['a body over 16 KB', form, `client_id=${'x'.repeat(20_000)}`],
  ['a body over 16 KB in bytes alone', form, `client_id=${'é'.repeat(9_000)}`],
  ['a body that is not UTF-8', form, Buffer.from([0x63, 0x3d, 0xff, 0xfe])],
  ['half a surrogate pair', form, Buffer.from([0x63, 0x3d, 0xed, 0xa0, 0x80])],
  ['a NUL', form, 'client_id=%00'],
  ['a parameter twice', form, 'client_id=a&client_id=a'],
  ['thousands of parameters', form, 'a&'.repeat(8000)],
  ['invalid percent-encoding', form, 'client_id=%&grant_type=%zz'],
])('A29: the endpoints reject %s', async (_what, type, body) => {
  const headers: [string, string][] = type === undefined ? [] : [['Content-Type', type]];
  for (const path of ['/token', '/revoke', '/consent', '/authorize']) {
    const answer = await rawRequest(target.origin + path, { method: 'POST', headers, body });
    expect([path, Math.floor(answer.status / 100)]).toEqual([path, 4]);
    expect(answer.headers.location).toBeUndefined();
    if (answer.status !== 415 && path === '/token') expect(JSON.parse(answer.text)).toHaveProperty('error');
  }
});

test.each<[string, string]>([
  ['a state over 2 KB', `state=${'x'.repeat(2049)}`],
  ['a NUL in the state', 'state=%00'],
  ['a state twice', 'state=x'],
])('A29: an authorization request with %s is rejected without redirect', async (_what, parameter) => {
  const client = await target.client();
  const url = client.authorizationUrl({ state: parameter === 'state=x' ? 'x' : undefined });
  expectPage(await open(`${url}&${parameter}`));
});

test.each(['scope=%00', 'code_challenge_method=S256&code_challenge_method=S256', 'resource=%00', 'prompt=a&prompt=b'])(
  'A29: an authorization request with %s is answered by a page that offers the error to the client',
  async (parameters) => {
    expect(offeredAt(await open(`${(await target.client()).authorizationUrl()}&${parameters}`))).toMatchObject({
      error: 'invalid_request',
    });
  },
);

test('A29: a state of any characters is returned unchanged', async () => {
  const state = ' +%20&=#?/\\"\'<>\u00e9\u{1f600}\r\n{}[]';
  const page = await open((await target.client()).authorizationUrl({ state, prompt: 'none' }));
  expect(offeredAt(page).state).toBe(state);
});

test('A29: a state that contains parameters adds none', async () => {
  const page = await open(
    (await target.client()).authorizationUrl({ state: 'x&code=stolen&iss=evil', prompt: 'none' }),
  );
  expect(Object.keys(offeredAt(page)).sort()).toEqual(['error', 'error_description', 'iss', 'state']);
});

test('A29: invalid percent-encoding causes no server error', async () => {
  const answers = await Promise.all(
    ['?%', '?client_id=%ff', '?=', '?&&&', `?${'a&'.repeat(2000)}`].map((query) =>
      rawRequest(`${target.origin}/authorize${query}`),
    ),
  );
  for (const { status } of answers) expect(status).toBe(400);
});

test('A29: registration rejects bytes that are not UTF-8', async () => {
  const body = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]);
  const answer = await rawRequest(`${target.origin}/register`, {
    method: 'POST',
    headers: [['Content-Type', 'application/json']],
    body,
  });
  expect([answer.status, JSON.parse(answer.text).error]).toEqual([400, 'invalid_client_metadata']);
  expect((await json(await register(target.origin, '"'))).error).toBe('invalid_client_metadata');
});
