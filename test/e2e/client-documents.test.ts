import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { initialize, OAuthClient, postMcp, redirectUri, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { approveAndSignIn, Browser, type Page } from '../../local/testing/form-browser.ts';
import { DocumentClouds, type DocumentServer, unsafely } from '../support/document-server.ts';
import type { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(60_000);

let clouds: DocumentClouds;
let cloud: TestCloud;
let safeCloud: TestCloud;
beforeAll(async () => {
  clouds = await DocumentClouds.create();
  [cloud, safeCloud] = await Promise.all([clouds.cloud(unsafely), clouds.cloud({})]);
});
afterAll(() => clouds?.end());

const json = async (answer: Response) => (await answer.json()) as Record<string, unknown>;
const refusal = async (answer: Response) => [answer.status, (await json(answer)).error];
const open = (url: string) => new Browser().open(url, redirectUri);

function expectPage(page: Page, text: string | RegExp, status = 400): void {
  expect([page.status, page.headers.get('location')]).toEqual([status, null]);
  expect(page.html).toMatch(text);
}

/** A client that describes itself, on a separate host. */
async function described(
  metadata: Record<string, unknown> = {},
): Promise<{ client: OAuthClient; host: DocumentServer }> {
  const host = await clouds.documents();
  return { host, client: OAuthClient.known(cloud.origin, host.serveClient(metadata)) };
}

describe('a client with a client ID metadata document', () => {
  test('is announced in the server metadata, signs in and calls a tool', async () => {
    const metadata = await json(await fetch(`${cloud.origin}/.well-known/oauth-authorization-server`));
    expect(metadata).toMatchObject({
      client_id_metadata_document_supported: true,
      token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256', 'RS256', 'PS256', 'EdDSA'],
    });
    const { client, host } = await described();
    const tokens = await client.tokensFor('ada');
    expect((await postMcp(cloud.origin, tokens.access_token, initialize)).status).toBe(200);
    const refreshed = (await json(await client.refresh(tokens.refresh_token))) as Tokens;
    expect((await client.revoke(refreshed.refresh_token)).status).toBe(200);
    expect(await refusal(await client.refresh(refreshed.refresh_token))).toEqual([400, 'invalid_grant']);
    expect(host.requests).toEqual(['/client.json']);
  });

  test('is shown on the consent page by its domain and its redirect host', async () => {
    const { client, host } = await described({ client_name: '<b>Bold</b>' });
    const page = await open(client.authorizationUrl());
    expect(page.status).toBe(200);
    expect(page.html).toContain(`<strong>${new URL(host.origin).host}</strong>`);
    expect(page.html).toContain('&lt;b&gt;Bold');
    expect(page.html).toContain('>127.0.0.1<');
    expect(page.html).not.toContain('has not been verified');
  });

  test.each([
    'https://evil.example/cb',
    'http://127.0.0.1:33418/callback/more',
    'http://127.0.0.1:33418/callbackmore',
    'http://127.0.0.1:33418/callback?x=1',
    'http://localhost:33418/callback',
    'https://127.0.0.1/callback',
    'http://127.0.0.1@evil.example/callback',
  ])('is not redirected to %s, which its document does not list', async (redirect_uri) => {
    const { client } = await described();
    expectPage(await open(client.authorizationUrl({ redirect_uri })), 'redirect_uri is not registered');
  });

  test('is not redirected to an executable or unknown scheme, although its document lists it', async () => {
    const { client } = await described({ redirect_uris: ['javascript://x/%0aalert(1)', 'evil://cb'] });
    for (const redirect_uri of ['javascript://x/%0aalert(1)', 'evil://cb']) {
      expectPage(
        await open(client.authorizationUrl({ redirect_uri })),
        'redirect_uri is not usable on this server: its scheme',
      );
    }
  });

  test.each<[string, Record<string, unknown>]>([
    ['another client', { client_id: 'https://other.example/client.json' }],
    ['a client with a secret', { client_secret: 'secret' }],
    ['a client without a name', { client_name: undefined }],
    ['a client without redirect URIs', { redirect_uris: [] }],
  ])('is rejected when its document describes %s, and it is not fetched again', async (_what, metadata) => {
    const { client, host } = await described(metadata);
    expectPage(await open(client.authorizationUrl()), 'is rejected');
    host.serveClient();
    expectPage(await open(client.authorizationUrl()), 'is rejected');
    expect(host.requests).toHaveLength(1);
    expect(await refusal(await client.redeem('hac1_x'))).toEqual([401, 'invalid_client']);
  });

  test('is rejected when its document redirects, and the target is not fetched', async () => {
    const host = await clouds.documents();
    const id = host.answer('/client.json', (_, response) => {
      response.writeHead(302, { location: '/moved.json' }).end();
    });
    expectPage(await open(OAuthClient.known(cloud.origin, id).authorizationUrl()), 'answered 302');
    expect(host.requests).toEqual(['/client.json']);
  });

  test('is shown its address, its host and the reason when its host is unreachable, and keeps its grants', async () => {
    const host = await clouds.documents();
    const id = host.answer('/client.json', (_, response) => response.writeHead(503).end());
    const client = OAuthClient.known(cloud.origin, id);
    const page = await open(client.authorizationUrl());
    expectPage(page, 'could not fetch the description');
    for (const text of [id, new URL(id).host, 'its host answered 503']) expect(page.html).toContain(`<dd>${text}</dd>`);
    // Neither invalid_client nor invalid_grant, with which clients would discard their tokens.
    const answer = await client.redeem('hac1_x');
    expect([answer.status, await json(answer)]).toEqual([
      400,
      {
        error: 'temporarily_unavailable',
        error_description: 'document at client_id cannot be fetched: its host answered 503',
      },
    ]);
    expect(host.requests).toHaveLength(1);
  });

  test('is shown the reason when its document is not there', async () => {
    const host = await clouds.documents();
    const page = await open(OAuthClient.known(cloud.origin, `${host.origin}/none.json`).authorizationUrl());
    expectPage(page, '<dd>its host answered 404</dd>');
  });

  test('must have a public address, unless the settings allow its host', async () => {
    const host = await clouds.documents();
    const id = host.serveClient();
    for (const each of [id, id.replace('localhost', '127.0.0.1')]) {
      expectPage(
        await open(OAuthClient.known(safeCloud.origin, each).authorizationUrl()),
        'must be a public https URL',
      );
    }
    expect(host.requests).toEqual([]);
  });

  test('is rejected when its document is on this server', async () => {
    const id = `${cloud.origin.replace('http:', 'https:')}/client.json`;
    expectPage(await open(OAuthClient.known(cloud.origin, id).authorizationUrl()), 'must be a public https URL');
  });
});

describe('a client with private_key_jwt', () => {
  type Signer = { alg: string; privateKey: CryptoKey; publicKey: JWK };

  async function signer(alg = 'ES256', kid = 'one'): Promise<Signer> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    return { alg, privateKey, publicKey: { ...(await exportJWK(publicKey)), kid, alg } };
  }

  const seconds = () => Math.floor(Date.now() / 1000);
  const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

  /** @param change claims to make otherwise; `undefined` leaves one out */
  async function assertion(
    client: OAuthClient,
    { alg, privateKey, publicKey }: Signer,
    change: JWTPayload = {},
  ): Promise<{ client_assertion: string; client_assertion_type: string }> {
    const claims: JWTPayload = {
      iss: client.id,
      sub: client.id,
      aud: cloud.origin,
      jti: randomUUID(),
      iat: seconds(),
      exp: seconds() + 60,
      ...change,
    };
    const signed = new SignJWT(JSON.parse(JSON.stringify(claims))).setProtectedHeader({ alg, kid: publicKey.kid! });
    return { client_assertion: await signed.sign(privateKey), client_assertion_type: assertionType };
  }

  const signing = { token_endpoint_auth_method: 'private_key_jwt' };

  async function signingClient(alg?: string) {
    const key = await signer(alg);
    return { key, ...(await described({ ...signing, jwks: { keys: [key.publicKey] } })) };
  }

  test.each(['ES256', 'RS256', 'PS256', 'EdDSA'])('signs in and calls a tool with %s', async (alg) => {
    const { client, key } = await signingClient(alg);
    const code = await client.signIn('ada');
    const redeemed = await client.redeem(code, await assertion(client, key));
    expect(redeemed.status).toBe(200);
    const { refresh_token } = (await json(redeemed)) as Tokens;
    const aud = `${cloud.origin}/token`;
    // The assertion names the client as well (RFC 7521 §4.2).
    const proof = { ...(await assertion(client, key, { aud })), client_id: undefined };
    const refreshed = await client.refresh(refresh_token, proof);
    expect(refreshed.status).toBe(200);
    const { refresh_token: next } = (await json(refreshed)) as Tokens;
    expect(await refusal(await client.revoke(next))).toEqual([401, 'invalid_client']);
    expect((await client.revoke(next, await assertion(client, key))).status).toBe(200);
    expect(await refusal(await client.refresh(next, await assertion(client, key)))).toEqual([400, 'invalid_grant']);
  });

  test('can have its keys at jwks_uri, and rotate them', async () => {
    const host = await clouds.documents();
    const keyHost = await clouds.documents();
    const [old, fresh] = [await signer('RS256', 'old'), await signer('RS256', 'fresh')];
    const jwks_uri = keyHost.serve('/jwks.json', { keys: [old.publicKey] });
    const client = OAuthClient.known(cloud.origin, host.serveClient({ ...signing, jwks_uri }));
    const redeemed = await client.redeem(await client.signIn('ada'), await assertion(client, old));
    const { refresh_token } = (await json(redeemed)) as Tokens;
    keyHost.serve('/jwks.json', { keys: [fresh.publicKey] });
    // The copy is too young to be doubted: an unknown key is a wrong one.
    expect(await refusal(await client.refresh(refresh_token, await assertion(client, fresh)))).toEqual([
      401,
      'invalid_client',
    ]);
    expect(keyHost.requests).toEqual(['/jwks.json']);
  });

  test('is rejected without an assertion, with a secret, and with an Authorization header', async () => {
    const { client, key } = await signingClient();
    const code = await client.signIn('ada');
    const proof = await assertion(client, key);
    for (const change of [
      {},
      { client_secret: 'secret' },
      { ...proof, client_secret: 'secret' },
      { ...proof, client_assertion_type: undefined },
      { ...proof, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer' },
      { client_assertion_type: assertionType },
      { ...proof, client_assertion: 'e30.e30.' },
      { ...proof, client_assertion: 'nonsense' },
    ]) {
      expect(await refusal(await client.redeem(code, change))).toEqual([401, 'invalid_client']);
    }
    expect((await client.redeem(code, proof)).status).toBe(200);
  });

  test.each<[string, (client: OAuthClient) => JWTPayload]>([
    ['for another server', () => ({ aud: 'https://other.example' })],
    ['for the resource', () => ({ aud: `${cloud.origin}/mcp` })],
    ['for the issuer with a slash', () => ({ aud: `${cloud.origin}/` })],
    ['for this server and others', () => ({ aud: [cloud.origin, 'https://other.example'] })],
    ['for both names of this server', () => ({ aud: [cloud.origin, `${cloud.origin}/token`] })],
    ['without an audience', () => ({ aud: undefined })],
    ['for an empty list of audiences', () => ({ aud: [] })],
    ['that does not expire', () => ({ exp: undefined })],
    ['that has expired', () => ({ exp: seconds() - 1 })],
    ['that lasts for more than an hour', () => ({ exp: seconds() + 3700 })],
    ['that is not valid yet', () => ({ nbf: seconds() + 120 })],
    ['from the future', () => ({ iat: seconds() + 120 })],
    ['without a jti', () => ({ jti: undefined })],
    ['with an empty jti', () => ({ jti: '' })],
    ['with a jti of 300 characters', () => ({ jti: 'x'.repeat(300) })],
    ['of another issuer', () => ({ iss: 'https://other.example/client.json' })],
    ['of another subject', () => ({ sub: 'https://other.example/client.json' })],
    ['without an issuer', () => ({ iss: undefined })],
    ['without a subject', () => ({ sub: undefined })],
  ])('is rejected with an assertion %s', async (_what, change) => {
    const { client, key } = await signingClientOnce();
    const answer = await client.token({
      grant_type: 'authorization_code',
      code: 'hac1_x',
      ...(await assertion(client, key, change(client))),
    });
    expect(await refusal(answer)).toEqual([401, 'invalid_client']);
  });

  let once: ReturnType<typeof signingClient> | undefined;
  /** Rejected requests do not change the client. */
  const signingClientOnce = () => {
    once ??= signingClient();
    return once;
  };

  test('is rejected with an assertion of another key, without a signature, or with a public key as HMAC secret', async () => {
    const { client, key } = await signingClientOnce();
    const stranger = { ...(await signer()), publicKey: key.publicKey };
    const unsigned = [
      { alg: 'none', kid: 'one' },
      { iss: client.id, sub: client.id, aud: cloud.origin, jti: 'x', exp: seconds() + 60 },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const secret = new TextEncoder().encode(JSON.stringify(key.publicKey));
    const symmetric = await new SignJWT({ aud: cloud.origin, jti: 'x', iss: client.id, sub: client.id })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .setExpirationTime('1m')
      .sign(secret);
    const { client_assertion } = await assertion(client, stranger);
    for (const forged of [client_assertion, `${unsigned}.`, symmetric]) {
      const change = { client_assertion: forged, client_assertion_type: assertionType };
      expect(await refusal(await client.redeem('hac1_x', change))).toEqual([401, 'invalid_client']);
    }
  });

  test('can use an assertion once: a replay has no effect, not even that of a stolen code', async () => {
    const { client, key } = await signingClient();
    const proof = await assertion(client, key);
    const code = await client.signIn('ada');
    const { refresh_token } = (await json(await client.redeem(code, proof))) as Tokens;
    expect(await refusal(await client.refresh(refresh_token, proof))).toEqual([401, 'invalid_client']);
    expect(await refusal(await client.revoke(refresh_token, proof))).toEqual([401, 'invalid_client']);
    expect((await client.refresh(refresh_token, await assertion(client, key))).status).toBe(200);
  });

  test('has one success when concurrent requests carry the same assertion', async () => {
    const { client, key } = await signingClient();
    const { refresh_token } = (await json(
      await client.redeem(await client.signIn('ada'), await assertion(client, key)),
    )) as Tokens;
    const proof = await assertion(client, key);
    const answers = await Promise.all(Array.from({ length: 5 }, () => client.refresh(refresh_token, proof)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401]);
  });

  test('can use an assertion again when its request failed for another reason', async () => {
    const { client, key } = await signingClient();
    const code = await client.signIn('ada');
    const proof = await assertion(client, key);
    const wrong = await client.redeem(code, { ...proof, code_verifier: 'x'.repeat(43) });
    expect(await refusal(wrong)).toEqual([400, 'invalid_grant']);
    expect((await client.redeem(code, proof)).status).toBe(200);
  });

  test('must be registered for it: a public client that sends an assertion is rejected', async () => {
    const key = await signer();
    const registered = await OAuthClient.register(cloud.origin);
    const { client } = await described({ jwks: { keys: [key.publicKey] } });
    for (const each of [registered, client]) {
      const code = await each.signIn('ada');
      expect(await refusal(await each.redeem(code, await assertion(each, key)))).toEqual([401, 'invalid_client']);
      expect((await each.redeem(code)).status).toBe(200);
    }
  });
});

describe('strangers', () => {
  /** Events that alarms count, and contention. */
  const alarming = /"event":"(service_unavailable|unexpected_error|write_contended|[a-z_]*_reuse)"/;

  const tokenRequest = (body: Record<string, string>) =>
    fetch(`${cloud.origin}/token`, { method: 'POST', body: new URLSearchParams(body) });

  const assertionOf = (claims: Record<string, unknown>) =>
    [{ alg: 'ES256' }, claims, 'x'].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');

  const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

  /** @returns the statuses of the responses, and the log that the work wrote */
  async function logOf(work: () => Promise<{ status: number }[]>): Promise<{ statuses: number[]; log: string }> {
    const before = cloud.log.length;
    const answers = await work();
    return { statuses: answers.map(({ status }) => status), log: cloud.log.slice(before) };
  }

  test('who name documents that cannot be fetched set off no alarm', async () => {
    const { statuses, log } = await logOf(() =>
      Promise.all(
        Array.from({ length: 6 }, (_, index) => {
          const client_id = `https://nowhere${index}.invalid/c.json`;
          return index % 2 === 0
            ? fetch(OAuthClient.known(cloud.origin, client_id).authorizationUrl())
            : tokenRequest({ client_id, grant_type: 'authorization_code', code: 'x' });
        }),
      ),
    );
    expect(statuses).toEqual(Array.from({ length: 6 }, () => 400));
    expect(log.match(/"event":"client_document_failed"/g)).toHaveLength(6);
    expect(log).toMatch(/"host":"nowhere0\.invalid","fault":"unreachable","reason":"the name of its host /);
    expect(log).not.toMatch(alarming);
  });

  test('who send a malformed client assertion are rejected as clients', async () => {
    for (const sub of [5, null, {}, [], true]) {
      const { statuses, log } = await logOf(async () => [
        await tokenRequest({ client_assertion_type: assertionType, client_assertion: assertionOf({ sub }) }),
      ]);
      expect(statuses).toEqual([401]);
      expect(log).not.toMatch(alarming);
    }
  });

  test('whose document lists redirect URIs and keys that are none are rejected', async () => {
    const redirect_uris = ['not a URI', 'https://', 'https://[', '//x', '', 'http://127.0.0.1:99999/cb'];
    const { client } = await described({ redirect_uris });
    const pages = await logOf(() =>
      Promise.all(redirect_uris.map((redirect_uri) => fetch(client.authorizationUrl({ redirect_uri })))),
    );
    expect(pages.statuses).toEqual(redirect_uris.map(() => 400));
    expect(pages.log).not.toMatch(alarming);
    const keys = [
      { kty: 'EC' },
      { kty: 'EC', crv: 'P-256', x: 5, y: {} },
      { kty: 'EC', crv: {}, x: '!', y: '!' },
      { kty: 'RSA', n: 'AQ', e: 'AQAB' },
      { kty: 'RSA', n: [], e: null },
      { kty: 'OKP', crv: 'Ed25519', x: '' },
      { kty: 'oct', kid: {}, alg: 7, use: [], key_ops: 'verify', ext: 'x' },
    ];
    for (const alg of ['ES256', 'RS256', 'PS256', 'EdDSA']) {
      for (const key of keys) {
        const host = await clouds.documents();
        const jwks = { keys: [key] };
        const client_id = host.serveClient({ token_endpoint_auth_method: 'private_key_jwt', jwks });
        const header = Buffer.from(JSON.stringify({ alg })).toString('base64url');
        const proof = assertionOf({ iss: client_id, sub: client_id, aud: cloud.origin, jti: 'x', exp: 2_000_000_000 });
        const client_assertion = `${header}${proof.slice(proof.indexOf('.'))}`;
        const { statuses, log } = await logOf(async () => [
          await tokenRequest({ client_assertion_type: assertionType, client_assertion }),
        ]);
        expect([alg, key, statuses]).toEqual([alg, key, [401]]);
        expect(log).not.toMatch(alarming);
      }
    }
  });

  test('who connect more clients at once than documents are fetched are asked to wait, without an alarm', async () => {
    const { statuses, log } = await logOf(() =>
      Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          fetch(OAuthClient.known(cloud.origin, `https://one.invalid/${index}.json`).authorizationUrl()),
        ),
      ),
    );
    expect(new Set(statuses)).toEqual(new Set([400, 429]));
    expect(log).toMatch(/"fault":"delayed","reason":"too many other documents are being fetched"/);
    expect(log).not.toMatch(alarming);
  });
});

describe('the allowed clients', () => {
  const metadataOf = async (origin: string) => json(await fetch(`${origin}/.well-known/oauth-authorization-server`));
  const registration = (redirect_uris: string[]) => ({ client_name: 'Test', redirect_uris });
  const register = (origin: string, redirect_uris: string[]) =>
    fetch(`${origin}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(registration(redirect_uris)),
    });

  test('are the configured ones when registration and metadata documents are off', async () => {
    const host = await clouds.documents();
    const clients = [{ id: 'studio', name: 'Studio', redirectUris: ['http://127.0.0.1/callback'] }];
    const closed = await clouds.cloud({
      ...unsafely,
      CLIENT_DOCUMENTS: 'off',
      DYNAMIC_REGISTRATION: 'off',
      CLIENTS: JSON.stringify(clients),
    });
    const metadata = await metadataOf(closed.origin);
    expect(metadata).not.toHaveProperty('registration_endpoint');
    expect(metadata).not.toHaveProperty('client_id_metadata_document_supported');
    expect(await refusal(await register(closed.origin, ['http://127.0.0.1/callback']))).toEqual([403, 'access_denied']);
    expectPage(await open(OAuthClient.known(closed.origin, host.serveClient()).authorizationUrl()), 'not registered');
    expect(host.requests).toEqual([]);

    const studio = OAuthClient.known(closed.origin, 'studio');
    expect((await open(studio.authorizationUrl())).html).toContain('set up by the operator');
    const { access_token } = await studio.tokensFor('ada');
    expect((await postMcp(closed.origin, access_token, initialize)).status).toBe(200);
  });

  test('are those of the allow-lists', async () => {
    const [listed, other] = [await clouds.documents(), await clouds.documents()];
    const limited = await clouds.cloud({
      ...unsafely,
      CLIENT_DOCUMENTS: 'allow-list',
      CLIENT_DOCUMENT_HOSTS: `claude.ai ${new URL(listed.origin).host}`,
      DYNAMIC_REGISTRATION: 'allow-list',
      DYNAMIC_REGISTRATION_REDIRECTS: 'claude.ai localhost cursor',
    });
    expect(await metadataOf(limited.origin)).toHaveProperty('registration_endpoint');
    expect((await open(OAuthClient.known(limited.origin, listed.serveClient()).authorizationUrl())).status).toBe(200);
    expectPage(await open(OAuthClient.known(limited.origin, other.serveClient()).authorizationUrl()), 'not registered');
    expect(other.requests).toEqual([]);

    for (const uri of ['https://claude.ai/cb', 'http://localhost:1/cb', 'cursor://x/cb']) {
      expect((await register(limited.origin, [uri])).status).toBe(201);
    }
    for (const uri of [
      'https://evil.example/claude.ai',
      'https://claude.ai.evil.example/',
      'http://127.0.0.1/cb',
      'vscode://x/cb',
    ]) {
      expect(await refusal(await register(limited.origin, [uri]))).toEqual([400, 'invalid_redirect_uri']);
    }
    expect(await refusal(await register(limited.origin, ['https://claude.ai/cb', 'https://evil.example/']))).toEqual([
      400,
      'invalid_redirect_uri',
    ]);
  });

  test('must use private_key_jwt when they are configured with keys', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] };
    const clients = [{ id: 'machine', name: 'Machine', redirectUris: ['http://127.0.0.1/callback'], jwks }];
    const { origin } = await clouds.cloud({ CLIENTS: JSON.stringify(clients) });
    const machine = OAuthClient.known(origin, 'machine');
    const code = (await approveAndSignIn(machine.authorizationUrl(), 'ada')).searchParams.get('code')!;
    expect(await refusal(await machine.redeem(code))).toEqual([401, 'invalid_client']);
    const client_assertion = await new SignJWT({ jti: randomUUID(), iss: 'machine', sub: 'machine', aud: origin })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setExpirationTime('1m')
      .sign(privateKey);
    const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    expect((await machine.redeem(code, { client_assertion, client_assertion_type })).status).toBe(200);
  });
});
