import { SignJWT } from 'jose';
import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { type AssertionIssuer, verifySignature } from '../../../lambda/core/oauth/assertions/trusted-issuer.ts';
import { ClientDocumentError } from '../../../lambda/core/oauth/clients/client-document.ts';
import { ClientDocuments } from '../../../lambda/core/oauth/clients/client-documents.ts';
import type { FetchedDocument } from '../../../lambda/core/oauth/clients/document-freshness.ts';
import { issuerKeysIn } from '../../../lambda/core/oauth/clients/issuer-documents.ts';
import { OAuthError } from '../../../lambda/core/oauth/oauth-error.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { type TestKey, testKey } from '../../support/token-facade.ts';

const issuer = 'https://issuer.example';
const discovery = `${issuer}/.well-known/openid-configuration`;
const keySet = `${issuer}/jwks.json`;

let key: TestKey;
let nextKey: TestKey;
beforeAll(async () => {
  [key, nextKey] = await Promise.all([testKey(), testKey('ES256', 'k2')]);
});

const clock = fakeClock();
let stores = memoryStores();
/** Documents by URL; an error in place of one that cannot be fetched. */
let published: Map<string, unknown>;
let requests: string[];
beforeEach(() => {
  stores = memoryStores();
  published = new Map<string, unknown>([
    [discovery, { issuer, jwks_uri: keySet }],
    [keySet, { keys: [key.jwk] }],
  ]);
  requests = [];
});

const unreachable = new ClientDocumentError('its host answered 503', 'unreachable');

async function fetched(url: string): Promise<FetchedDocument> {
  requests.push(url);
  const document = published.get(url) ?? new ClientDocumentError('its host answered 404');
  if (document instanceof Error) throw document;
  return { kind: 'document', text: typeof document === 'string' ? document : JSON.stringify(document) };
}

/** A new process. @param areStrangers whether strangers choose the URLs, and not the operator */
const documents = (areStrangers = false) =>
  new ClientDocuments({
    store: stores.documents,
    rateLimits: areStrangers ? stores.rateLimits : undefined,
    fetcher: { fetch: fetched },
    reach: { ownHost: 'mcp.example.com', anywhere: false },
    clock,
    random: () => 0.5,
    log: () => undefined,
  });

/** The subject of an assertion, once its signature is verified; the code of its rejection otherwise. */
async function verified(signer: TestKey, trusted: AssertionIssuer = { issuer }): Promise<unknown> {
  const assertion = await new SignJWT({ iss: issuer, sub: 'job' })
    .setProtectedHeader({ alg: signer.alg, kid: signer.jwk.kid! })
    .sign(signer.privateKey);
  const signed = verifySignature(assertion, trusted, issuerKeysIn(documents()));
  return clock.until(
    signed.then(
      ({ claims }) => claims.sub,
      (error) => (error instanceof OAuthError ? error.reason : error),
    ),
  );
}

test('the keys of an issuer are those of its discovery document, and both are fetched once while they are fresh', async () => {
  const begun = clock.now();
  expect([await verified(key), await verified(key)]).toEqual(['job', 'job']);
  expect(requests).toEqual([discovery, keySet]);
  expect(clock.now()).toBe(begun);
});

test('an issuer with an address of its keys needs no discovery document', async () => {
  expect(await verified(key, { issuer, jwksUri: keySet })).toBe('job');
  expect(requests).toEqual([keySet]);
});

test('a key that the cached set lacks is fetched, at most once a minute', async () => {
  await verified(key);
  published.set(keySet, { keys: [nextKey.jwk] });
  expect(await verified(nextKey)).toBe('grant_assertion_unverified');
  expect(requests).toEqual([discovery, keySet]);
  await clock.advance(61_000);
  expect(await verified(nextKey)).toBe('job');
  expect(requests).toEqual([discovery, keySet, keySet]);
});

test('an issuer that does not answer is unavailable, and is asked again after a pause', async () => {
  published.set(keySet, unreachable);
  expect([await verified(key), await verified(key)]).toEqual(['issuer_keys_unavailable', 'issuer_keys_unavailable']);
  expect(requests).toEqual([discovery, keySet]);
  published.set(keySet, { keys: [key.jwk] });
  await clock.advance(31_000);
  expect(await verified(key)).toBe('job');
});

test('the cached keys of an issuer serve during its outage', async () => {
  await verified(key);
  published.set(discovery, unreachable).set(keySet, unreachable);
  await clock.advance(6 * 3600_000);
  expect(await verified(key)).toBe('job');
  expect(requests).toEqual([discovery, keySet, discovery, keySet]);
});

test.each<[string, unknown]>([
  ['names another issuer', { issuer: 'https://other.example', jwks_uri: keySet }],
  ['has its keys at http', { issuer, jwks_uri: 'http://issuer.example/jwks.json' }],
  ['has no address of keys', { issuer }],
  ['is not JSON', '<html>'],
  ['is nested too deep', '['.repeat(100)],
])('an issuer is unavailable when its discovery document %s, and no keys are fetched', async (_what, document) => {
  published.set(discovery, document);
  expect([await verified(key), await verified(key)]).toEqual(['issuer_keys_unavailable', 'issuer_keys_unavailable']);
  expect(requests).toEqual([discovery]);
});

test('strangers who name a document of an issuer as that of their client make no keys unavailable', async () => {
  const strangers = documents(true);
  for (const url of [discovery, keySet]) {
    const document = published.get(url);
    await expect(clock.until(strangers.metadata(url))).rejects.toThrow(ClientDocumentError);
    // Documents of clients have a lower limit of size.
    published.set(url, new ClientDocumentError('it has more than 5120 bytes'));
    await expect(clock.until(strangers.keys(url))).rejects.toThrow(ClientDocumentError);
    published.set(url, document);
  }
  expect(await verified(key)).toBe('job');
});

test('a client document that another client names as its keys stays usable', async () => {
  const client = 'https://client.example/client.json';
  published.set(client, { client_id: client, client_name: 'Client', redirect_uris: ['https://client.example/cb'] });
  await expect(clock.until(documents(true).keys(client))).rejects.toThrow(ClientDocumentError);
  expect(await clock.until(documents(true).metadata(client))).toMatchObject({ name: 'Client' });
});
