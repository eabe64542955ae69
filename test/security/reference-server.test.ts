import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { TestCloud } from '../support/test-cloud.ts';
import { rawRequest } from '../support/wire-checks.ts';

/**
 * The same requests, most of them malformed, to the facade and to oidc-provider, an independent implementation. A
 * difference needs a reason here; a difference without one is a defect of either.
 */

jest.setTimeout(60_000);

type Server = { origin: string; clientId: string };

let target: TestCloud;
let facade: Server;
let oracle: Server;
let child: ChildProcess;
beforeAll(async () => {
  child = spawn(process.execPath, [join(__dirname, '../support/reference-server.run.ts')], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const [[printed]] = await Promise.all([
    once(child.stdout!, 'data'),
    TestCloud.start().then((started) => {
      target = started;
    }),
  ]);
  const { id } = await target.client({ redirect_uris: ['http://127.0.0.1/callback', 'https://c.example/cb'] });
  facade = { origin: target.origin, clientId: id };
  oracle = { origin: String(printed).trim(), clientId: 'oracle' };
});
afterAll(async () => {
  child.kill();
  await target?.stop();
});

type Change = Record<string, string | string[] | undefined>;

const good = ({ origin, clientId }: Server): Change => ({
  response_type: 'code',
  client_id: clientId,
  redirect_uri: 'http://127.0.0.1:33418/callback',
  state: 'the-state',
  scope: 'mcp',
  resource: `${origin}/mcp`,
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
});

function parametersOf(change: Change): URLSearchParams {
  const pairs = Object.entries(change).flatMap(([name, value]) => [value ?? []].flat().map((each) => [name, each]));
  return new URLSearchParams(pairs);
}

/** `consent` for a consent or sign-in page, `<error> to the client`, or `<error> here`. */
async function authorize(server: Server, change: Change): Promise<string> {
  const parameters = parametersOf({ ...good(server), ...change });
  const { status, headers, text } = await rawRequest(`${server.origin}/authorize?${parameters}`);
  // A client that registered itself receives an error only by a click of its user.
  const offered = /<a class="button" rel="noreferrer" href="([^"]+)">/.exec(text)?.[1]?.replaceAll('&amp;', '&');
  const location = headers.location ?? offered;
  if (location !== undefined && /^(http:\/\/127\.0\.0\.1:\d+\/callback|https:\/\/c\.example\/cb)/.test(location)) {
    // A response that would carry a token is in the fragment, and so is its error.
    const { searchParams, hash } = new URL(location);
    return `${searchParams.get('error') ?? new URLSearchParams(hash.slice(1)).get('error')} to the client`;
  }
  if (status < 400) return 'consent';
  return `${/<code lang="en">(\w+)/.exec(text)?.[1]} here`;
}

async function token(server: Server, change: Change, headers: Record<string, string> = {}): Promise<string> {
  const body = parametersOf({
    client_id: server.clientId,
    grant_type: 'authorization_code',
    code: 'unknown',
    redirect_uri: 'http://127.0.0.1:33418/callback',
    code_verifier: 'v'.repeat(43),
    ...change,
  });
  const answer = await fetch(`${server.origin}/token`, { method: 'POST', headers, body });
  return `${answer.status} ${((await answer.json()) as { error: string }).error}`;
}

/** A response that differs from the one of oidc-provider, and the reason. */
type Disagreement = { ours: string; theirs: string; because: string };

const notRegistered: Disagreement = {
  ours: 'invalid_request here',
  theirs: 'invalid_redirect_uri here',
  because: 'it is shown as a page; invalid_redirect_uri is a code of registration (RFC 7591 §3.2.2)',
};
const onlyByQuery: Disagreement = {
  ours: 'invalid_request to the client',
  theirs: 'consent',
  because: 'the metadata advertises the query alone',
};

const authorizations: [string, Change, Disagreement?][] = [
  ['a good request', {}],
  ['no client', { client_id: undefined }],
  [
    'an unknown client',
    { client_id: 'unknown' },
    {
      ours: 'invalid_request here',
      theirs: 'invalid_client here',
      because: 'it is shown as a page; invalid_client is a code of the token endpoint (RFC 6749 §5.2)',
    },
  ],
  ['a client twice', { client_id: ['oracle', 'oracle'] }],
  ['no redirect URI', { redirect_uri: undefined }],
  ['another redirect URI', { redirect_uri: 'https://evil.example/cb' }, notRegistered],
  ['another port', { redirect_uri: 'http://127.0.0.1:1/callback' }],
  ['another path', { redirect_uri: 'http://127.0.0.1:33418/other' }, notRegistered],
  ['localhost in place of 127.0.0.1', { redirect_uri: 'http://localhost:33418/callback' }, notRegistered],
  ['a trailing slash', { redirect_uri: 'https://c.example/cb/' }, notRegistered],
  ['an added query', { redirect_uri: 'https://c.example/cb?x=1' }, notRegistered],
  ['an upper-case host', { redirect_uri: 'https://C.example/cb' }, notRegistered],
  ['the default port', { redirect_uri: 'https://c.example:443/cb' }, notRegistered],
  ['a fragment', { redirect_uri: 'https://c.example/cb#x' }, notRegistered],
  ['userinfo', { redirect_uri: 'https://x@c.example/cb' }, notRegistered],
  ['no response type', { response_type: undefined }],
  ['the response type token', { response_type: 'token' }],
  ['the response type id_token', { response_type: 'id_token' }],
  ['the response type code token', { response_type: 'code token' }],
  ['an unknown response type', { response_type: 'x' }],
  ['the response mode fragment', { response_mode: 'fragment' }, onlyByQuery],
  ['the response mode form_post', { response_mode: 'form_post' }, onlyByQuery],
  [
    'an unknown response mode',
    { response_mode: 'x' },
    {
      ours: 'invalid_request to the client',
      theirs: 'unsupported_response_mode to the client',
      because: 'unsupported_response_mode is an extension of oidc-provider',
    },
  ],
  ['the response mode query', { response_mode: 'query' }],
  ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }],
  ['a method without a challenge', { code_challenge: undefined }],
  ['a challenge without a method', { code_challenge_method: undefined }],
  ['plain', { code_challenge_method: 'plain' }],
  ['an unknown method', { code_challenge_method: 'S512' }],
  ['a short challenge', { code_challenge: 'x' }],
  ['a challenge of other characters', { code_challenge: '!'.repeat(43) }],
  ['another resource', { resource: 'https://evil.example/mcp' }],
  ['a resource that is not a URL', { resource: 'mcp' }],
  ['a resource with a fragment', { resource: 'https://evil.example/mcp#x' }],
  ['no resource', { resource: undefined }],
  ['an unknown scope', { scope: 'admin' }],
  ['a known and an unknown scope', { scope: 'mcp admin' }],
  ['no scope', { scope: undefined }],
  ['a request object', { request: 'e30.e30.' }],
  ['a request by reference', { request_uri: 'https://evil.example/' }],
  [
    'prompt none',
    { prompt: 'none' },
    {
      ours: 'interaction_required to the client',
      theirs: 'login_required to the client',
      because: 'every request needs consent, also of a user who is signed in',
    },
  ],
  [
    'an unknown prompt',
    { prompt: 'x' },
    {
      ours: 'consent',
      theirs: 'invalid_request to the client',
      because: 'unknown parameters are ignored (RFC 6749 §3.1), and prompt belongs to OpenID Connect',
    },
  ],
  ['no state', { state: undefined }],
  [
    'a state twice',
    { state: ['a', 'b'] },
    {
      ours: 'invalid_request here',
      theirs: 'invalid_request to the client',
      because: 'a response that cannot return the state is of no use to the client',
    },
  ],
  ['a challenge twice', { code_challenge: ['x'.repeat(43), 'x'.repeat(43)] }],
  ['an unknown parameter twice', { unknown_parameter: ['a', 'b'] }],
];

const tokenRequests: [string, Change, Disagreement?, Record<string, string>?][] = [
  ['an unknown code', {}],
  ['no code', { code: undefined }],
  ['no verifier', { code_verifier: undefined }],
  ['a short verifier', { code_verifier: 'x' }],
  [
    'no client',
    { client_id: undefined },
    {
      ours: '401 invalid_client',
      theirs: '400 invalid_request',
      because: 'RFC 6749 §5.2: invalid_client if no client authentication is included',
    },
  ],
  ['an unknown client', { client_id: 'unknown' }],
  ['a client twice', { client_id: ['a', 'a'] }],
  ['a secret', { client_secret: 'x' }],
  ['a secret in the header', {}, undefined, { authorization: `Basic ${btoa('oracle:x')}` }],
  ['no grant type', { grant_type: undefined }],
  ['an unknown grant type', { grant_type: 'x' }],
  ['the grant type password', { grant_type: 'password', username: 'ada', password: 'ada' }],
  ['the grant type client_credentials', { grant_type: 'client_credentials' }],
  ['a refresh without token', { grant_type: 'refresh_token' }],
  ['an unknown refresh token', { grant_type: 'refresh_token', refresh_token: 'x' }],
  ['a code twice', { code: ['a', 'b'] }],
  [
    'a verifier twice',
    { code_verifier: ['a', 'b'] },
    {
      ours: '400 invalid_grant',
      theirs: '400 invalid_request',
      because: 'the verifier of an unknown code is not read',
    },
  ],
  ['JSON', {}, undefined, { 'content-type': 'application/json' }],
  ['plain text', {}, undefined, { 'content-type': 'text/plain' }],
];

function expectAgreement(ours: string, theirs: string, disagreement: Disagreement | undefined): void {
  expect({ ours, theirs }).toEqual({ ours: disagreement?.ours ?? theirs, theirs: disagreement?.theirs ?? theirs });
}

// Rest parameters, because jest passes its `done` callback for a third one that a row omits.
test.each(authorizations)(
  'O1: an authorization request with %s gets the response of oidc-provider, or a justified other one',
  async (...[_what, change, disagreement]) => {
    const [ours, theirs] = await Promise.all([authorize(facade, change), authorize(oracle, change)]);
    expectAgreement(ours, theirs, disagreement);
  },
);

test.each(tokenRequests)(
  'O2: a token request with %s gets the response of oidc-provider, or a justified other one',
  async (...[_what, change, disagreement, headers]) => {
    const [ours, theirs] = await Promise.all([token(facade, change, headers), token(oracle, change, headers)]);
    expectAgreement(ours, theirs, disagreement);
  },
);
