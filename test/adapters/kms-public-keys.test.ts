import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { calculateJwkThumbprint, exportJWK, exportSPKI, generateKeyPair, type JWK } from 'jose';
import { kmsAssertionSigner } from '../../lambda/adapters/kms/kms-assertion-signer.ts';
import { type KmsClient, openKms } from '../../lambda/adapters/kms/kms-client.ts';
import { kmsPublicKeys } from '../../lambda/adapters/kms/kms-public-keys.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import { retryRequests } from '../../lambda/shared/request-retries.ts';

/** The public keys of KMS, without the SDK's client. `test/e2e` reads them from the emulated KMS, which checks signatures. */

type Reply = { status: number; body: string };

let server: Server;
let replies: Reply[];
let requests: { target: unknown; body: string }[];
let kms: KmsClient;
let publicKeys: () => Promise<JWK[]>;

beforeEach(async () => {
  replies = [];
  requests = [];
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    requests.push({ target: request.headers['x-amz-target'], body });
    const { status, body: content } = replies.shift()!;
    response.writeHead(status).end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  kms = openKms(
    {
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'ID',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_ENDPOINT_URL_KMS: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    },
    retryRequests(['throttling', 'transient'], async () => {}),
  );
  publicKeys = kmsPublicKeys(kms, ['first', 'second']);
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const newKey = async () => {
  const { publicKey } = await generateKeyPair('ES256');
  const spki = (await exportSPKI(publicKey)).replace(/-----[A-Z ]+-----|\n/g, '');
  return { jwk: await exportJWK(publicKey), reply: { status: 200, body: JSON.stringify({ PublicKey: spki }) } };
};
const failure = (status: number, name: string) => ({ status, body: JSON.stringify({ __type: name }) });

test('a public key has the members and the id that jose computes for it', async () => {
  const [first, second] = [await newKey(), await newKey()];
  replies.push(first.reply, second.reply);
  const keys = await publicKeys();
  const expected = await Promise.all(
    [first, second].map(async ({ jwk }) => ({
      ...jwk,
      alg: 'ES256',
      use: 'sig',
      kid: await calculateJwkThumbprint(jwk),
    })),
  );
  expect(keys.toSorted(byId)).toEqual(expected.toSorted(byId));
  expect(requests.map(({ target }) => target)).toEqual(['TrentService.GetPublicKey', 'TrentService.GetPublicKey']);
  expect(requests.map(({ body }) => JSON.parse(body).KeyId).toSorted()).toEqual(['first', 'second']);
});

test('public keys are requested from KMS once', async () => {
  const { reply } = await newKey();
  replies.push(reply, reply);
  await publicKeys();
  await publicKeys();
  expect(requests).toHaveLength(2);
});

test('public keys are requested again after a failure', async () => {
  const { reply } = await newKey();
  replies.push(failure(400, 'AccessDeniedException'), reply, reply, reply);
  await expect(publicKeys()).rejects.toThrow('AccessDeniedException');
  expect(await publicKeys()).toHaveLength(2);
});

test.each([
  ['throttling', failure(400, 'ThrottlingException')],
  ['an internal error', failure(500, 'KMSInternalException')],
  ['a response that is not from KMS', { status: 200, body: '<html>' }],
])('%s of KMS is an outage', async (_what, reply) => {
  replies.push(...Array.from({ length: 6 }, () => reply));
  await expect(publicKeys()).rejects.toThrow(ServiceUnavailableError);
});

test('a request that KMS throttles is repeated', async () => {
  const { reply } = await newKey();
  replies.push(failure(400, 'ThrottlingException'), failure(400, 'ThrottlingException'), reply, reply);
  expect(await publicKeys()).toHaveLength(2);
});

test('the kid of an assertion is that of its key in the published key set', async () => {
  const { reply } = await newKey();
  replies.push(reply, reply, reply);
  const [published] = await publicKeys();
  expect(await kmsAssertionSigner(kms, 'first').keyId()).toBe(published!.kid);
});

test.each(['AccessDeniedException', 'com.amazonaws.kms#NotFoundException'])(
  'the error %s of KMS is no outage and names the key',
  async (name) => {
    replies.push(failure(400, name), failure(400, name));
    const error = await publicKeys().catch((each) => each);
    expect(error).not.toBeInstanceOf(ServiceUnavailableError);
    expect(error.message).toMatch(/GetPublicKey of (first|second) with status 400/);
  },
);

const byId = ({ kid: a }: JWK, { kid: b }: JWK) => (a! < b! ? -1 : 1);
