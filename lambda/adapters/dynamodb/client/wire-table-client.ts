import { randomUUID } from 'node:crypto';
import { fromWire, objectIn, toWire } from './attribute-values.ts';
import type { TableClient } from './table-client.ts';

/**
 * The operations of a table client as requests of DynamoDB's API, in DynamoDB's JSON.
 * @param send returns the body of the response; throws `TableError` for an error that DynamoDB returns
 */
export function wireTableClient(
  send: (operation: string, input: object) => Promise<Record<string, unknown>>,
): TableClient {
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
