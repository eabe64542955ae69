import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { CloudFormationCustomResourceEvent } from 'aws-lambda';
import { exportSPKI, generateKeyPair } from 'jose';
import type { KmsClient } from '../../lambda/adapters/kms/kms-client.ts';
import { publicKeysResource } from '../../lambda/adapters/kms/public-keys-resource.ts';

type Written = { method: string | undefined; url: string | undefined; type: string | undefined; body: object };

let server: Server;
let written: Written[];
/** The status of each answer of the presigned URL; 200 after the last. */
let statuses: number[];
let pauses: number[];
let publicKey: string;
beforeAll(async () => {
  const { publicKey: key } = await generateKeyPair('ES256');
  publicKey = (await exportSPKI(key)).replace(/-----[A-Z ]+-----|\n/g, '');
});
beforeEach(async () => {
  [written, statuses, pauses] = [[], [], []];
  server = createServer(async (request, response) => {
    const { method, url, headers } = request;
    written.push({ method, url, type: headers['content-type'], body: JSON.parse(await text(request)) });
    response.writeHead(statuses.shift() ?? 200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const clock = { sleep: async (milliseconds: number) => void (milliseconds > 0 && pauses.push(milliseconds / 1000)) };

const denied = async () => {
  throw new Error('KMS answered GetPublicKey of first with status 400, AccessDeniedException');
};

const send = (RequestType: 'Create' | 'Update' | 'Delete', kms: KmsClient) =>
  publicKeysResource(
    kms,
    clock,
  )({
    RequestType,
    ResponseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/bucket/key?X-Amz-Signature=abc`,
    StackId: 'arn:aws:cloudformation:us-east-1:000000000000:stack/Holdfast/1',
    RequestId: 'request',
    LogicalResourceId: 'AccessTokenKeys',
    ...(RequestType !== 'Create' && { PhysicalResourceId: 'AccessTokenKeys' }),
    ResourceProperties: { KeyIds: ['first', 'second'] },
  } as unknown as CloudFormationCustomResourceEvent);

const identity = {
  StackId: 'arn:aws:cloudformation:us-east-1:000000000000:stack/Holdfast/1',
  RequestId: 'request',
  LogicalResourceId: 'AccessTokenKeys',
  PhysicalResourceId: 'AccessTokenKeys',
};

test.each(['Create', 'Update'] as const)('a %s writes the key set of all keys to the presigned URL', async (type) => {
  const read: unknown[] = [];
  await send(type, async (operation, input) => {
    read.push([operation, input]);
    return { PublicKey: publicKey };
  });
  expect(read).toEqual([
    ['GetPublicKey', { KeyId: 'first' }],
    ['GetPublicKey', { KeyId: 'second' }],
  ]);
  const key = expect.objectContaining({ kty: 'EC', alg: 'ES256', kid: expect.stringMatching(/^[\w-]{43}$/) });
  expect(written).toEqual([
    {
      method: 'PUT',
      url: '/bucket/key?X-Amz-Signature=abc',
      type: '',
      body: { ...identity, Status: 'SUCCESS', Data: { KeySet: expect.any(String) } },
    },
  ]);
  const { Data } = written[0]!.body as { Data: { KeySet: string } };
  expect(JSON.parse(Data.KeySet)).toEqual({ keys: [key, key] });
});

test('waits half a minute for the permissions of a new role, and then states why the deployment fails', async () => {
  await send('Create', denied);
  expect(pauses).toEqual([1, 2, 4, 8, 16]);
  expect(written.map(({ body }) => body)).toEqual([
    {
      ...identity,
      Status: 'FAILED',
      Reason:
        'The public keys cannot be read: KMS answered GetPublicKey of first with status 400, AccessDeniedException',
    },
  ]);
});

test('reads the keys as soon as they are permitted', async () => {
  let attempts = 0;
  await send('Create', async () => (++attempts > 4 ? { PublicKey: publicKey } : denied()));
  expect(pauses).toEqual([1, 2]);
  expect(written[0]!.body).toMatchObject({ Status: 'SUCCESS' });
});

test('a deletion succeeds without a request to KMS', async () => {
  await send('Delete', denied);
  expect(written.map(({ body }) => body)).toEqual([{ ...identity, Status: 'SUCCESS' }]);
});

test('a response that is not accepted at first is written again', async () => {
  statuses = [503];
  await send('Delete', denied);
  expect(written).toHaveLength(2);
});

test('a response that is not accepted fails the invocation, which Lambda repeats', async () => {
  statuses = [403];
  await expect(send('Delete', denied)).rejects.toThrow('CloudFormation answered the response with status 403');
});
