import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Sha256 } from '@smithy/core/checksum';
import { SignatureV4 } from '@smithy/signature-v4';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/client/sdk-table-client.ts';
import { signedTableClient } from '../../lambda/adapters/dynamodb/client/signed-table-client.ts';
import type { TableClient } from '../../lambda/adapters/dynamodb/client/table-client.ts';

/** A request as it was received. */
export type Received = { headers: IncomingHttpHeaders; path: string; body: string };
export type Reply = { status: number; body: string };

/** A server that records requests, returns the given responses, and verifies signatures as AWS does. */
export type Witness = {
  endpoint: string;
  received: Received[];
  answer: (request: Received) => Reply | Promise<Reply>;
  close(): Promise<void>;
};

export const region = 'eu-central-1';
export const credentials = { accessKeyId: 'TEST', secretAccessKey: 'a secret', sessionToken: 'a+token/of=the session' };

export async function startWitness(answer: Witness['answer']): Promise<Witness> {
  const server = createServer(async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk);
    const request = { headers: message.headers, path: message.url!, body: Buffer.concat(chunks).toString() };
    witness.received.push(request);
    const { status, body } = (await isSigned(request))
      ? await witness.answer(request)
      : { status: 403, body: JSON.stringify({ __type: 'aws#InvalidSignatureException', message: 'wrong' }) };
    response.writeHead(status, {
      'content-type': 'application/x-amz-json-1.0',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const witness: Witness = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: [],
    answer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return witness;
}

/** Signs what was received once more, by the library and its own hash, from the headers that are said to be signed. */
async function isSigned({ headers, path, body }: Received): Promise<boolean> {
  const names = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split(';') ?? [];
  const time = String(headers['x-amz-date']).replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5');
  const signer = new SignatureV4({ service: 'dynamodb', region, credentials, sha256: Sha256 });
  const signed = await signer.sign(
    {
      method: 'POST',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path,
      query: {},
      headers: Object.fromEntries(names.map((name) => [name, String(headers[name])])),
      body,
    },
    { signingDate: new Date(time) },
  );
  return (
    signed.headers.authorization === headers.authorization &&
    ['host', 'content-type', 'x-amz-date', 'x-amz-target', 'x-amz-security-token'].every((name) => names.includes(name))
  );
}

/** The parts of a request that DynamoDB reads: operation, input and headers. */
export function askedBy({ headers, path, body }: Received): Record<string, unknown> {
  const { 'x-amz-target': target, 'content-type': type, 'content-length': length } = headers;
  if (Number(length) !== Buffer.byteLength(body)) throw new Error('The length is wrong');
  if (headers['x-amz-content-sha256'] !== createHash('sha256').update(body).digest('hex'))
    throw new Error('The hash is');
  const { ClientRequestToken, ...input } = JSON.parse(body);
  return { target, type, path, input, token: ClientRequestToken === undefined ? undefined : 'a token' };
}

const atOnce = async () => undefined;

/** Both clients, each with a separate server. They repeat a request at once. */
export const clientsOf = (sdkEndpoint: string, signedEndpoint: string) => {
  const dynamodb = new DynamoDBClient({ endpoint: sdkEndpoint, region, credentials, maxAttempts: 3 });
  const clients: Record<'sdk' | 'signed', TableClient> = {
    sdk: sdkTableClient(dynamodb, atOnce),
    signed: signedTableClient(new URL('/', signedEndpoint), region, credentials, atOnce),
  };
  return { ...clients, close: () => dynamodb.destroy() };
};
