import { randomUUID } from 'node:crypto';
import https from 'node:https';
import { fromWire, objectIn, toWire } from './attribute-values.ts';
import { type ProcessEnvironment, resolveEndpoint } from './dynamodb-endpoint.ts';
import { type HttpReply, sendHttpRequest } from './http-exchange.ts';
import { retryRequests } from './request-retries.ts';
import { type Credentials, requestSigner } from './request-signature.ts';
import { type TableClient, TableError } from './table-client.ts';

/** As many as the SDK has at a time. */
const MOST_CONNECTIONS = 50;

/** With the function's own credentials. The environment is read now, and not again. */
export function openTableClient(environment: ProcessEnvironment = process.env): TableClient {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) throw new Error('The environment holds no AWS credentials');
  const { url, region } = resolveEndpoint(environment);
  return signedTableClient(url, region, {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN || undefined,
  });
}

/**
 * DynamoDB's JSON protocol (AWS JSON 1.0), by what Node has, in place of the SDK's client, which takes 25 ms more of a cold
 * start and nearly three times the CPU for each request. A request that hangs is an error after three seconds.
 *
 * The checksum of answers (`x-amz-crc32`) is not looked at, as the SDK does not: TLS has its own. Nor is a clock that is
 * wrong corrected: Lambda's is right.
 */
export function signedTableClient(endpoint: URL, region: string, credentials: Credentials): TableClient {
  // Only local ones are not encrypted; imported as an ES module, `node:http` costs whoever runs these sources 20 ms.
  const { Agent, request } = endpoint.protocol === 'https:' ? https : process.getBuiltinModule('node:http');
  const target = {
    agent: new Agent({ keepAlive: true, maxSockets: MOST_CONNECTIONS }),
    method: 'POST',
    // Brackets are the URL's, around an address of IPv6.
    host: endpoint.hostname.replace(/^\[|\]$/g, ''),
    port: endpoint.port || undefined,
    path: endpoint.pathname,
  };
  const sign = requestSigner(endpoint, region, credentials);
  const retry = retryRequests();

  function ask(operation: string, input: object): Promise<Record<string, unknown>> {
    const body = Buffer.from(JSON.stringify(input));
    const headers = {
      'content-type': 'application/x-amz-json-1.0',
      'content-length': String(body.length),
      host: endpoint.host,
      'x-amz-target': `DynamoDB_20120810.${operation}`,
    };
    return retry(async () => {
      // Each attempt by its own time: signatures are good for minutes, and a function may have been frozen since.
      const signed = await sign(headers, body);
      return outcomeOf(await sendHttpRequest(request, { ...target, headers: signed }, body));
    });
  }

  return {
    async get(input) {
      const { Item } = await ask('GetItem', keyed(input));
      return Item === undefined ? {} : { Item: fromWire(Item) };
    },
    async put(input) {
      return ask('PutItem', written(input));
    },
    async update(input) {
      return attributesIn(await ask('UpdateItem', written(input)));
    },
    async delete(input) {
      return attributesIn(await ask('DeleteItem', written(input)));
    },
    async query(input) {
      const { ExpressionAttributeValues, ExclusiveStartKey } = input;
      const { Items, LastEvaluatedKey } = await ask('Query', {
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
      const { Responses, UnprocessedKeys } = await ask('BatchGetItem', { RequestItems: requested });
      return {
        Responses: mapped(objectIn(Responses), itemsIn),
        ...(UnprocessedKeys !== undefined && { UnprocessedKeys: mapped(objectIn(UnprocessedKeys), unprocessed) }),
      };
    },
    async transactWrite({ TransactItems }) {
      const parts = TransactItems!.map((part) => mapped(part as Record<string, object>, written));
      // The same for each attempt: a transaction that was carried out, and whose answer was lost, is not carried out again.
      return ask('TransactWriteItems', { TransactItems: parts, ClientRequestToken: randomUUID() });
    },
  };
}

type Plain = Record<string, unknown>;

const mapped = <T, U>(record: Record<string, T>, change: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));

const keyed = <T extends { Key?: Plain | undefined }>(input: T) => ({ ...input, Key: toWire(input.Key) });

/** A write, alone or as a part of a transaction. */
const written = (input: {
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
  if (!Array.isArray(wire)) throw new Error('The answer has no list there');
  return wire.map(fromWire);
}

const unprocessed = (wire: unknown) => {
  const { Keys, ...rest } = objectIn(wire);
  return { ...rest, Keys: itemsIn(Keys) };
};

/**
 * @throws TableError when DynamoDB refuses; another error when the answer is none of DynamoDB's, such as that of something
 * between it and us, or an empty one, which must not be taken for one that found nothing
 */
function outcomeOf({ status, body }: HttpReply): Plain {
  let content: Plain;
  try {
    content = objectIn(JSON.parse(body.toString()));
  } catch {
    throw notDynamoDbs(status);
  }
  if (status === 200) return content;
  const { __type, CancellationReasons = [] } = content;
  const message = content.message || content.Message || 'UnknownError';
  if (typeof __type !== 'string') throw notDynamoDbs(status);
  // `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException`
  const name = __type.replace(/[,:].*$/, '').replace(/^.*#/, '');
  const reasons = (CancellationReasons as { Code?: string }[]).map(({ Code = 'None' }) => Code);
  throw new TableError({ name, message: String(message), status, reasons });
}

/** Without a cause, which would quote the answer. */
const notDynamoDbs = (status: number) =>
  Object.assign(new Error(`The answer of status ${status} is not DynamoDB's`), { status });
