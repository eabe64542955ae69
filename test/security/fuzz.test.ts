import fc from 'fast-check';
import { initialize, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { memoryStores } from '../../lambda/adapters/memory/memory-stores.ts';
import { authenticateBearer, facadeCaller } from '../../lambda/core/access/access-token.ts';
import { InvalidTokenError } from '../../lambda/core/access/invalid-token-error.ts';
import { matchesRegistered, mayRegister, mayUse } from '../../lambda/core/oauth/clients/redirect-uri.ts';
import type { Facade } from '../../lambda/core/oauth/facade.ts';
import { OAuthError } from '../../lambda/core/oauth/oauth-error.ts';
import { handleOAuthRequest } from '../../lambda/core/oauth/oauth-routes.ts';
import { browserCookie } from '../../lambda/core/oauth/pages/oauth-cookies.ts';
import { formParameters } from '../../lambda/core/oauth/request-parameters.ts';
import { isOurResource } from '../../lambda/core/oauth/resource-indicator.ts';
import { type MacKey, mintRefreshToken, readRefreshToken } from '../../lambda/core/oauth/tokens/facade-tokens.ts';
import { anyString } from '../support/any-string.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { rawRequest } from '../support/wire-checks.ts';

/** Properties that hold for generated input: first of the rules, then of the deployed API. */

jest.setTimeout(60_000);

const MANY = { numRuns: 3000 };

/** Strings of URL components, and of characters that parsers treat differently. */
const pieces = [
  ...[
    'https:',
    'http:',
    'HTTPS:',
    'cursor:',
    'javascript:',
    'data:',
    '//',
    '/',
    '\\',
    '@',
    '#',
    '?',
    ':',
    '.',
    '..',
    '%',
    '%2f',
    '%00',
  ],
  ...[
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    'localhost',
    '[::1]',
    'c.example',
    'evil.example',
    '33418',
    '99999',
    '0',
    'cb',
    'x=1',
    '*',
  ],
  ...['\t', '\n', '\r', ' ', '\u0000', '\u00ad', '\uff0f', '\u3002', '\u{1f600}', 'é', '&', ';', '=', '+', '[', ']'],
];
const urlLike = fc.oneof(
  fc.array(fc.constantFrom(...pieces), { maxLength: 10 }).map((parts) => parts.join('')),
  fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((parts) => `https://c.example/${parts.join('')}`),
  fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((parts) => `http://127.0.0.1${parts.join('')}`),
  fc.webUrl({ withFragments: true, withQueryParameters: true }),
  fc.string({ unit: 'grapheme' }),
);

/** The URI with one piece inserted, removed or replaced. */
const mutated = (uri: string) =>
  fc
    .tuple(fc.nat({ max: uri.length }), fc.nat({ max: 3 }), fc.constantFrom('', ...pieces))
    .map(([at, length, piece]) => uri.slice(0, at) + piece + uri.slice(at + length));

const loopbackHosts = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
const withoutPort = (uri: string) => {
  const url = new URL(uri);
  url.port = '';
  return url.href;
};

test('F1: a registrable redirect URI is https, loopback or private-use, and parses as in a browser', () => {
  fc.assert(
    fc.property(urlLike, (uri) => {
      if (!mayRegister(uri)) return;
      const url = new URL(uri);
      expect([url.username, url.password, url.hash]).toEqual(['', '', '']);
      expect(uri).toMatch(/^[!-~]+$/);
      expect(uri).not.toMatch(/[\\#]/);
      if (url.protocol === 'http:') expect(url.hostname).toMatch(loopbackHosts);
      else expect(url.protocol).not.toMatch(/^(javascript|data|vbscript|file|blob|about|intent|view-source):$/);
      // Without listed schemes, only the reverse of a domain name has a dot (RFC 8252 §7.1).
      if (mayUse(uri, [])) expect(url.protocol).toMatch(/^(https?|[a-z][a-z0-9-]*(\.[a-z0-9-]+)+):$/);
      expect(uri).not.toContain('*');
      // Dots in the query are no segments.
      expect(uri.split('?')[0]).not.toMatch(/\/\.{1,2}(\/|$)/);
    }),
    MANY,
  );
});

test.each([
  'https://c.example/cb?x=1',
  'http://127.0.0.1:8080/cb',
  'http://localhost/cb',
  'http://[::1]/cb',
  'cursor://x/cb',
])('F1: of the URIs close to %s only itself matches, and on loopback its other ports', (registered) => {
  fc.assert(
    fc.property(fc.oneof(mutated(registered), urlLike), (requested) => {
      if (!matchesRegistered(requested, [registered]) || !mayUse(requested, ['cursor'])) return;
      if (requested === registered) return;
      expect(new URL(registered).hostname).toMatch(loopbackHosts);
      expect(withoutPort(requested)).toBe(withoutPort(registered));
    }),
    MANY,
  );
});

test('F2: an accepted resource is at the origin of this server', () => {
  fc.assert(
    fc.property(fc.oneof(urlLike, mutated('https://c.example/mcp')), (resource) => {
      if (!isOurResource(resource, 'https://c.example')) return;
      const url = new URL(resource);
      expect([url.origin, url.username, url.hash]).toEqual(['https://c.example', '', '']);
      expect(['/', '/mcp', '/mcp/']).toContain(url.pathname);
    }),
    MANY,
  );
});

test('F3: a form is parsed or rejected with an OAuth error', async () => {
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    urlLike.map((text) => new TextEncoder().encode(text)),
  );
  const type = fc.oneof(
    fc.constantFrom('application/x-www-form-urlencoded', 'APPLICATION/X-WWW-FORM-URLENCODED; x'),
    fc.string({ unit: 'grapheme-ascii' }),
  );
  await fc.assert(
    fc.asyncProperty(body, type, async (bytes, contentType) => {
      const headers = { 'content-type': contentType };
      const request = new Request('http://h/token', { method: 'POST', headers, body: new Uint8Array(bytes) });
      try {
        (await formParameters(request)).get('code');
      } catch (error) {
        expect(error).toBeInstanceOf(OAuthError);
      }
    }),
    { numRuns: 1000 },
  );
});

test('F4: a registration is accepted or rejected, and stores only registrable redirect URIs', async () => {
  const { clients } = memoryStores();
  const rules = { publicUrl: 'https://h', redirectSchemes: [], dynamicRegistration: { mode: 'open', allowed: [] } };
  const facade = { clients, rules, now: () => 1_800_000_000, log: () => undefined } as unknown as Facade;
  const member = fc.oneof(fc.jsonValue(), fc.array(urlLike, { maxLength: 4 }), urlLike);
  const names = fc.constantFrom(
    'redirect_uris',
    'client_name',
    'application_type',
    'client_id',
    '__proto__',
    'constructor',
    'toString',
  );
  const bodies = fc.oneof(
    fc.dictionary(names, member).map((body) => JSON.stringify(body)),
    fc
      .tuple(fc.array(urlLike, { minLength: 1, maxLength: 4 }), member)
      .map(([redirect_uris, client_name]) => JSON.stringify({ redirect_uris, client_name })),
    fc.json(),
    anyString(),
  );
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      const answer = await handleOAuthRequest(
        facade,
        new Request('https://h/register', { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
      );
      const registered = (await answer.json()) as {
        error?: string;
        client_id: string;
        redirect_uris: string[];
        client_name: string;
      };
      if (answer.status === 201) {
        expect(registered.client_id).toMatch(/^dcr_[\w-]{43}$/);
        expect(registered.redirect_uris.every(mayRegister)).toBe(true);
        expect(registered.client_name).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        expect(Array.from(registered.client_name).length).toBeLessThanOrEqual(80);
      } else {
        expect([answer.status, registered.error]).toEqual([
          400,
          expect.stringMatching(/^invalid_(client_metadata|redirect_uri)$/),
        ]);
      }
    }),
    MANY,
  );
});

describe('F5: a refresh token', () => {
  const key: MacKey = {
    load: () =>
      crypto.subtle.importKey('raw', new Uint8Array(32), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']),
  };
  const grant = 'g'.repeat(22);

  test('has the grant and generation that it was minted with', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 999_999_999 }), async (generation) => {
        expect(await readRefreshToken(await mintRefreshToken(grant, generation, key), key)).toEqual({
          grant,
          generation,
        });
      }),
    );
  });

  test('that was modified anywhere is rejected', async () => {
    const genuine = await mintRefreshToken(grant, 7, key);
    // Two bits of the last character are unused, so it has four equivalent spellings.
    const at = fc.nat({ max: genuine.length - 2 });
    await fc.assert(
      fc.asyncProperty(at, fc.nat({ max: 3 }), fc.string({ maxLength: 3 }), async (start, length, piece) => {
        const changed = genuine.slice(0, start) + piece + genuine.slice(start + length);
        if (changed.slice(0, -1) !== genuine.slice(0, -1)) expect(await readRefreshToken(changed, key)).toBeUndefined();
      }),
      MANY,
    );
  });

  test('that was made up is rejected', async () => {
    const madeUp = fc.oneof(anyString(), fc.stringMatching(/^hrt1_[\w-]{22}\.[1-9]\d{0,8}\.[\w-]{43}$/));
    await fc.assert(
      fc.asyncProperty(madeUp, async (token) => expect(await readRefreshToken(token, key)).toBeUndefined()),
      MANY,
    );
  });
});

test('F6: an Authorization header without a single token never reaches the verifier', async () => {
  const verified: string[] = [];
  const invalid = new InvalidTokenError('signature', 'Invalid signature');
  const verifier = {
    verify(token: string) {
      verified.push(token);
      return Promise.reject(invalid);
    },
  };
  const header = fc.oneof(
    anyString(),
    fc.tuple(fc.constantFrom('Bearer ', 'bearer  ', 'Basic ', ''), fc.string()).map((parts) => parts.join('')),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(header, { maxLength: 3 }), async (headers) => {
      verified.length = 0;
      await expect(authenticateBearer(headers, verifier, facadeCaller)).rejects.toThrow(InvalidTokenError);
      for (const token of verified) {
        expect([headers.length, token]).toEqual([1, expect.stringMatching(/^[\w\-.~+/]+=*$/)]);
        expect(headers[0]).toMatch(/^bearer +/i);
      }
    }),
    MANY,
  );
});

test('F7: a cookie is read from exactly one pair of its name', () => {
  const cookie = browserCookie('consent', 'h'.repeat(43), 'https://h');
  const name = `__Host-consent-${'h'.repeat(16)}`;
  const pair = fc.oneof(
    fc.constantFrom(
      `${name}=value`,
      `${name}=`,
      `x${name}=evil`,
      `${name}x=evil`,
      `${name.toLowerCase()}=evil`,
      ` ${name} =evil`,
      name,
      'a=b',
      '',
    ),
    fc.string({ unit: fc.constantFrom('a', '=', ' ', '"', ',', '\\') }),
  );
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 5 }), fc.constantFrom('; ', ';', ';  '), (pairs, separator) => {
      const headers = { cookie: pairs.join(separator) };
      const own = pairs
        .join(separator)
        .split(/; */)
        .filter((each) => each.startsWith(`${name}=`));
      const read = cookie.read({ headers: new Headers(headers) } as Request);
      expect(read).toBe(own.length === 1 ? own[0]!.trimEnd().slice(name.length + 1) : undefined);
    }),
    MANY,
  );
});

describe('F8: the API', () => {
  let target: TestCloud;
  let valid: Record<string, string>;
  let token: string;
  beforeAll(async () => {
    target = await TestCloud.start();
    const { client, tokens } = await target.signedIn();
    token = tokens.access_token;
    const query = new URL(client.authorizationUrl()).searchParams;
    valid = {
      ...Object.fromEntries(query),
      grant_type: 'authorization_code',
      code: 'hac1_x',
      code_verifier: client.verifier,
      refresh_token: tokens.refresh_token,
      token: 'x',
    };
  });
  afterAll(() => target?.stop());

  const paths = [
    '/authorize',
    '/token',
    '/register',
    '/revoke',
    '/consent',
    '/callback',
    '/jwks.json',
    '/mcp',
    '/.well-known/openid-configuration',
    '/x',
  ];
  const names = [
    'client_id',
    'redirect_uri',
    'response_type',
    'state',
    'scope',
    'resource',
    'code_challenge',
    'code',
    'grant_type',
    'refresh_token',
    'request',
    'answer',
    'token',
    'error',
  ];
  const value = fc.oneof(
    urlLike,
    anyString({ maxLength: 300 }),
    fc.constantFrom('x'.repeat(3000), '', 'authorization_code', 'refresh_token'),
  );
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'),
    path: fc.constantFrom(...paths),
    changes: fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 }),
    added: fc.constantFrom('', '&state=again', '&client_id=again', '&%', '&=', '&__proto__=x', '&%ff=%fe'),
    type: fc.constantFrom(
      'application/x-www-form-urlencoded',
      'application/json',
      'text/plain',
      'multipart/form-data',
      ';',
      '',
    ),
    cookie: fc.string({ unit: fc.constantFrom('a', '=', ';', ' ', '-', '_'), maxLength: 30 }),
    raw: fc.option(anyString({ maxLength: 200 })),
  });

  test('never fails, redirects to registered URIs alone, and stores at most one item per success', async () => {
    const before = await target.items();
    let succeeded = 0;
    await fc.assert(
      fc.asyncProperty(request, async ({ method, path, changes, added, type, cookie, raw }) => {
        const parameters = new URLSearchParams({ ...valid, ...changes }).toString() + added;
        const headers: [string, string][] = [
          ['Content-Type', type],
          ['Cookie', cookie],
        ];
        const inQuery = method === 'GET' || path === '/callback';
        const body = method === 'POST' || method === 'PUT' ? (raw ?? parameters) : '';
        const answer = await rawRequest(target.origin + path + (inQuery ? `?${parameters}` : ''), {
          method,
          headers,
          body,
        });
        expect(answer.status).toBeLessThan(500);
        if (answer.headers.location !== undefined) {
          expect(answer.headers.location).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback\?/);
          expect(new URL(answer.headers.location).searchParams.has('code')).toBe(false);
        }
        if (answer.status === 200 || answer.status === 201) succeeded++;
      }),
      { numRuns: 400 },
    );
    const after = await target.items();
    expect(after.length - before.length).toBeLessThanOrEqual(succeeded);
    expect(after.filter(({ pk }) => /^(G|T|CO|UP|S|N)#/.test(pk)).length).toBe(
      before.filter(({ pk }) => /^(G|T|CO|UP|S|N)#/.test(pk)).length,
    );
  });

  test('answers any message to /mcp without a server error', async () => {
    const started = await postMcp(target.origin, token, initialize);
    const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
    const member = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom('2.0', 'tools/call', 'tools/list', 'ping', 'note', 1, null),
    );
    const message = fc.oneof(
      fc.dictionary(fc.constantFrom('jsonrpc', 'id', 'method', 'params', 'result', 'error'), member),
      fc.record({
        jsonrpc: fc.constant('2.0'),
        id: fc.nat(),
        method: fc.constantFrom('tools/call', 'tools/list', 'ping', 'initialize', 'x'),
        params: member,
      }),
    );
    await fc.assert(
      fc.asyncProperty(message, async (body) => {
        const answer = await postMcp(target.origin, token, body, session);
        expect(answer.status).toBeLessThan(500);
        await answer.text();
      }),
      { numRuns: 200 },
    );
  });
});
