import { randomUUID } from 'node:crypto';
import https from 'node:https';
import { type Credentials, requestSigner } from '../../../shared/aws-request-signature.ts';
import { fromWire, objectIn, toWire } from './attribute-values.ts';
import { type ProcessEnvironment, resolveEndpoint } from './dynamodb-endpoint.ts';
import { type HttpReply, sendHttpRequest } from './http-exchange.ts';
import { retryRequests } from './request-retries.ts';
import { type TableClient, TableError } from './table-client.ts';

/** The SDK's default. */
const MOST_CONNECTIONS = 50;

/** With the function's credentials, which are read from the environment once. */
export function openTableClient(environment: ProcessEnvironment = process.env): TableClient {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) throw new Error('The environment has no AWS credentials');
  const { url, region } = resolveEndpoint(environment);
  return signedTableClient(url, region, {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN || undefined,
  });
}

/**
 * DynamoDB's JSON protocol (AWS JSON 1.0) on Node's own modules. The SDK's client takes 25 ms more of a cold start and
 * nearly three times the CPU for each request. A request without response fails after three seconds.
 *
 * Like the SDK's client it does not check `x-amz-crc32`, since TLS has a checksum. It does not correct clock skew: Lambda
 * synchronizes its clock.
 */
export function signedTableClient(endpoint: URL, region: string, credentials: Credentials): TableClient {
  // Only local endpoints use http. An import of `node:http` costs processes that run these sources 20 ms.
  const { Agent, request } = endpoint.protocol === 'https:' ? https : process.getBuiltinModule('node:http');
  const target = {
    agent: new Agent({ keepAlive: true, maxSockets: MOST_CONNECTIONS }),
    method: 'POST',
    // A URL has an IPv6 address in brackets.
    host: endpoint.hostname.replace(/^\[|\]$/g, ''),
    port: endpoint.port || undefined,
    path: endpoint.pathname,
  };
  const sign = requestSigner('dynamodb', endpoint, region, credentials);
  const retry = retryRequests();

  function send(operation: string, input: object): Promise<Record<string, unknown>> {
    const body = Buffer.from(JSON.stringify(input));
    const headers = {
      'content-type': 'application/x-amz-json-1.0',
      'content-length': String(body.length),
      host: endpoint.host,
      'x-amz-target': `DynamoDB_20120810.${operation}`,
    };
    return retry(async () => {
      // Signed anew for each attempt: a signature is valid for minutes, and the function may have been frozen since.
      const signed = await sign(headers, body);
      return outcomeOf(await sendHttpRequest(request, { ...target, headers: signed }, body));
    });
  }

  return {
    async get(input) {
      const { Item } = await send('GetItem', keyed(input));
      return Item === undefined ? {} : { Item: fromWire(Item) };
    },
    async put(input) {
      return send('PutItem', writeToWire(input));
    },
    async update(input) {
      return attributesIn(await send('UpdateItem', writeToWire(input)));
    },
    async delete(input) {
      return attributesIn(await send('DeleteItem', writeToWire(input)));
    },
    async query(input) {
      const { ExpressionAttributeValues, ExclusiveStartKey } = input;
      const { Items, LastEvaluatedKey } = await send('Query', {
        ...input,
        ExpressionAttributeValues: toWire(ExpressionAttributeValues),
        ExclusiveStartKey: toWire(ExclusiveStartKey),
      });
      return {
        Items: itemsIn(Items),
        ...(LastEvaluatedKey !== undefined && { LastEvaluatedKey: fromWire(LastEvaluatedKey) }),
      };
    },
    async batchGet({ RequestItems }) {
      const requested = mapped(RequestItems!, (each) => ({ ...each, Keys: each.Keys!.map(toWire) }));
      const { Responses, UnprocessedKeys } = await send('BatchGetItem', { RequestItems: requested });
      return {
        Responses: mapped(objectIn(Responses), itemsIn),
        ...(UnprocessedKeys !== undefined && { UnprocessedKeys: mapped(objectIn(UnprocessedKeys), unprocessed) }),
      };
    },
    async transactWrite({ TransactItems }) {
      const items = TransactItems!.map((part) => mapped(part as Record<string, object>, writeToWire));
      // The same token for each attempt: a transaction whose response was lost is not executed again.
      return send('TransactWriteItems', { TransactItems: items, ClientRequestToken: randomUUID() });
    },
  };
}

type Plain = Record<string, unknown>;

const mapped = <T, U>(record: Record<string, T>, change: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));

const keyed = <T extends { Key?: Plain | undefined }>(input: T) => ({ ...input, Key: toWire(input.Key) });

/** A write, alone or in a transaction. */
const writeToWire = (input: {
  Key?: Plain | undefined;
  Item?: Plain | undefined;
  ExpressionAttributeValues?: Plain | undefined;
}) => ({
  ...keyed(input),
  Item: toWire(input.Item),
  ExpressionAttributeValues: toWire(input.ExpressionAttributeValues),
});

const attributesIn = ({ Attributes }: Plain) => (Attributes === undefined ? {} : { Attributes: fromWire(Attributes) });

function itemsIn(wire: unknown): Plain[] {
  if (!Array.isArray(wire)) throw new Error('Malformed response: expected a list');
  return wire.map(fromWire);
}

const unprocessed = (wire: unknown) => {
  const { Keys, ...rest } = objectIn(wire);
  return { ...rest, Keys: itemsIn(Keys) };
};

/**
 * @throws TableError for an error of DynamoDB; another error for a response that is not DynamoDB's, such as a proxy's or
 * an empty one, which must not be read as "no item"
 */
function outcomeOf({ status, body }: HttpReply): Plain {
  let content: Plain;
  try {
    content = objectIn(JSON.parse(body.toString()));
  } catch {
    throw foreignResponse(status);
  }
  if (status === 200) return content;
  const { __type, CancellationReasons = [] } = content;
  const message = content.message || content.Message || 'UnknownError';
  if (typeof __type !== 'string') throw foreignResponse(status);
  // `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException`
  const name = __type.replace(/[,:].*$/, '').replace(/^.*#/, '');
  const reasons = (CancellationReasons as { Code?: string }[]).map(({ Code = 'None' }) => Code);
  throw new TableError({ name, message: String(message), status, reasons });
}

/** Without a cause, which would quote the response. */
const foreignResponse = (status: number) =>
  Object.assign(new Error(`The response of status ${status} is not from DynamoDB`), { status });
