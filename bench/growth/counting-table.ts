import { Readable } from 'node:stream';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/sdk-table-client.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { AwsError } from '../../local/aws-api/aws-error.ts';
import { isDataOperation, type ParsedRequest, parse, perform } from '../../local/dynamodb/dynamodb-engine.ts';
import type { Item, Store } from '../../local/dynamodb/dynamodb-store.ts';
import { transactionParts, transactWrite } from '../../local/dynamodb/dynamodb-transactions.ts';
import type { GeneratedItems } from './generated-items.ts';
import { type KeyRange, positionsIn } from './item-sequence.ts';
import { type Cost, noCost } from './table-cost.ts';
import { sizeOf } from './wire-items.ts';

/** The size of a page of a query. */
const PAGE_BYTES = 1024 * 1024;

const sortKeys: Record<string, string> = { table: 'sk', byUser: 'gsi1sk', recent: 'gsi2sk' };
const partitionKeys: Record<string, string> = { table: 'pk', byUser: 'gsi1pk', recent: 'gsi2pk' };

/** A request as the SDK sends it. */
type Sent = { headers: Record<string, string>; body: Uint8Array };
type Json = Record<string, unknown>;
type Conditions = Record<string, { ComparisonOperator: string; AttributeValueList: { S: string }[] }>;
type Parsed = ParsedRequest['data'] & {
  Limit?: number;
  ScanIndexForward?: boolean;
  ConsistentRead?: boolean;
  ExclusiveStartKey?: Item;
};

/**
 * A table of generated items that answers the AWS SDK and counts its requests. The engine of the local DynamoDB validates
 * requests and performs writes on the items that they affect. Written items replace generated ones.
 *
 * Not supported: filters, projections, scans and batch writes, which the adapters do not send.
 */
export class CountingTable {
  readonly table: TableConnection;
  readonly #items: GeneratedItems;
  /** The written items, and the items that a write has read. */
  readonly #store: Store;
  readonly #touched = new Set<string>();
  #cost: Cost = noCost();

  /** @param store with the table and without items */
  constructor(items: GeneratedItems, store: Store, name: string) {
    this.#items = items;
    this.#store = store;
    const handle = async (request: Sent) => ({
      response: await this.#answer(request),
    });
    const client = new DynamoDBClient({
      region: 'us-east-1',
      credentials: { accessKeyId: 'TEST', secretAccessKey: 'test' },
      maxAttempts: 1,
      requestHandler: { handle } as never,
    });
    this.table = { name, client: sdkTableClient(client) };
  }

  /**
   * Measures the work, and then discards its writes.
   * @param prepare runs before the work and is not measured
   */
  async costOf(work: () => Promise<unknown>, prepare: () => Promise<unknown> = async () => undefined): Promise<Cost> {
    try {
      await prepare();
      const cost = noCost();
      this.#cost = cost;
      await work();
      return cost;
    } finally {
      this.#cost = noCost();
      for (const item of this.#store.items(this.table.name)) this.#put('DeleteItem', { Key: keyOf(item) });
      this.#touched.clear();
    }
  }

  async #answer({ headers, body }: Sent) {
    const target = Object.entries(headers).find(([name]) => name.toLowerCase() === 'x-amz-target')![1];
    const operation = target.split('.').at(-1)!;
    this.#cost.requests[operation] = (this.#cost.requests[operation] ?? 0) + 1;
    try {
      return answerOf(200, await this.#perform(operation, JSON.parse(new TextDecoder().decode(body))));
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const { code, message, status, details } = error;
      return answerOf(status, { __type: `com.amazonaws.dynamodb.v20120810#${code}`, message, ...details });
    }
  }

  async #perform(operation: string, input: Json): Promise<object> {
    if (operation === 'TransactWriteItems') {
      const parts = transactionParts(input, ['ConditionCheck', 'Delete', 'Put', 'Update']);
      return this.#write(parts, 2, () => {
        transactWrite(this.#store, parts);
        return {};
      });
    }
    if (!isDataOperation(operation)) throw new Error(`${operation} is not supported`);
    const request = parse(operation, structuredClone(input));
    switch (operation) {
      case 'GetItem':
        return this.#get(request.data);
      case 'BatchGetItem':
        return this.#batchGet(input);
      case 'Query':
        return this.#query(request.data);
      case 'PutItem':
      case 'UpdateItem':
      case 'DeleteItem':
        return this.#write([request], 1, () => this.#store.atomically(() => perform(this.#store, request)));
      default:
        throw new Error(`${operation} is not supported`);
    }
  }

  async #get({ Key, ConsistentRead = false }: Parsed): Promise<object> {
    const Item = await this.#find(Key!);
    this.#read(Item ? [Item] : [], ConsistentRead);
    return Item ? { Item } : {};
  }

  async #batchGet(input: Json): Promise<object> {
    const RequestItems = input.RequestItems as Record<string, { Keys: Item[]; ConsistentRead?: boolean }>;
    const { Keys, ConsistentRead = false } = RequestItems[this.table.name]!;
    const found: Item[] = [];
    for (const key of Keys) {
      const item = await this.#find(key);
      // Each item is a separate read.
      this.#read(item ? [item] : [], ConsistentRead);
      if (item) found.push(item);
    }
    return { Responses: { [this.table.name]: found } };
  }

  async #query({ IndexName, KeyConditions, ...question }: Parsed): Promise<object> {
    const { Limit = Number.POSITIVE_INFINITY, ScanIndexForward = true, ConsistentRead = false } = question;
    const place = IndexName ?? 'table';
    const [hash, range] = [partitionKeys[place]!, sortKeys[place]!];
    const conditions = KeyConditions as Conditions;
    const partition = conditions[hash]!.AttributeValueList[0]!.S;
    const start = question.ExclusiveStartKey?.[range]?.S as string | undefined;
    const wanted = rangeOf(conditions[range]);
    const isWanted = (key: string) =>
      isIn(key, wanted) && (start === undefined || (ScanIndexForward ? key > start : key < start));

    const sequence = await this.#items.partition(IndexName, partition);
    const written = this.#store
      .items(this.table.name)
      .filter((item) => item[hash]?.S === partition && isWanted(String(item[range]!.S)))
      .toSorted((a, b) => (String(a[range]!.S) < String(b[range]!.S) === ScanIndexForward ? -1 : 1));
    let [first, end] = positionsIn(sequence, wanted);
    if (start !== undefined) {
      const [after] = positionsIn(sequence, { from: start, isOpen: true });
      const [, before] = positionsIn(sequence, { to: start, isOpen: true });
      if (ScanIndexForward) first = Math.max(first, after);
      else end = Math.min(end, before);
    }

    const Items: Item[] = [];
    let bytes = 0;
    let generated: Item | undefined;
    while (Items.length < Limit && bytes < PAGE_BYTES) {
      while (generated === undefined && first < end) {
        const item = await sequence.item(ScanIndexForward ? first++ : --end);
        if (!this.#touched.has(nameOf(item))) generated = item;
      }
      const [own] = written;
      if (!own && !generated) break;
      const ownIsNext = !generated || (own && String(own[range]!.S) < String(generated[range]!.S) === ScanIndexForward);
      const next = own && ownIsNext ? written.shift()! : generated!;
      if (next === generated) generated = undefined;
      Items.push(next);
      bytes += sizeOf(next);
    }
    this.#read(Items, ConsistentRead);
    const last = Items.at(-1);
    const isFull = last !== undefined && (Items.length >= Limit || bytes >= PAGE_BYTES);
    return {
      Items,
      Count: Items.length,
      ...(isFull && { LastEvaluatedKey: { ...keyOf(last), [hash]: last[hash], [range]: last[range] } }),
    };
  }

  async #write(requests: ParsedRequest[], factor: number, work: () => object): Promise<object> {
    const keys = requests.map(({ data }) => data.Key ?? keyOf(data.Item!));
    for (const key of keys) {
      if (this.#touched.has(nameOf(key))) continue;
      const item = await this.#find(key);
      if (item) this.#put('PutItem', { Item: item });
      this.#touched.add(nameOf(key));
    }
    const before = keys.map((key) => this.#store.find(this.table.name, key));
    const result = work();
    for (const [index, key] of keys.entries()) {
      this.#cost.writeUnits += unitsOf(before[index], this.#store.find(this.table.name, key), factor);
    }
    return result;
  }

  /** A write that is not counted. */
  #put(operation: 'PutItem' | 'DeleteItem', input: Json): void {
    perform(this.#store, parse(operation, { TableName: this.table.name, ...input }));
  }

  async #find(key: Item): Promise<Item | undefined> {
    if (this.#touched.has(nameOf(key))) return this.#store.find(this.table.name, key);
    const sequence = await this.#items.partition(undefined, String(key.pk!.S));
    const name = String(key.sk!.S);
    const [position, end] = positionsIn(sequence, { from: name, to: name });
    return position < end ? sequence.item(position) : undefined;
  }

  #read(items: Item[], isConsistent: boolean): void {
    const bytes = items.reduce((sum, item) => sum + sizeOf(item), 0);
    this.#cost.items += items.length;
    this.#cost.bytes += bytes;
    // A read without a result is charged as well.
    this.#cost.readUnits += Math.max(1, Math.ceil(bytes / 4096)) * (isConsistent ? 1 : 0.5);
  }
}

const answerOf = (statusCode: number, body: object) => ({
  statusCode,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
  body: Readable.from([Buffer.from(JSON.stringify(body))]),
});

const keyOf = ({ pk, sk }: Item): Item => ({ pk: pk!, sk: sk! });
const nameOf = ({ pk, sk }: Item) => `${pk!.S} ${sk!.S}`;

/** Sorts after every string with the same prefix. */
const BEHIND = '\uffff';

function rangeOf(condition: Conditions[string] | undefined): KeyRange {
  const [first, second] = condition?.AttributeValueList.map(({ S }) => S) ?? [];
  switch (condition?.ComparisonOperator) {
    case undefined:
      return {};
    case 'EQ':
      return { from: first!, to: first! };
    case 'BETWEEN':
      return { from: first!, to: second! };
    case 'BEGINS_WITH':
      return { from: first!, to: `${first}${BEHIND}` };
    case 'GE':
      return { from: first! };
    case 'LE':
      return { to: first! };
    case 'GT':
      return { from: first!, isOpen: true };
    case 'LT':
      return { to: first!, isOpen: true };
    default:
      throw new Error(`${condition?.ComparisonOperator} is not supported`);
  }
}

const isIn = (key: string, { from, to, isOpen = false }: KeyRange) =>
  (from === undefined || (isOpen ? key > from : key >= from)) && (to === undefined || (isOpen ? key < to : key <= to));

/**
 * An index costs nothing where the item is not in it, and twice where its key there has changed.
 * @param factor 2 in a transaction, which indexes have no part in
 */
function unitsOf(before: Item | undefined, after: Item | undefined, factor: number): number {
  const units = (item: Item | undefined) => (item ? Math.ceil(sizeOf(item) / 1024) : 0);
  const own = Math.max(1, units(before), units(after));
  const inIndex = (keys: [string, string]) => {
    const [was, is] = [before, after].map((item) => item?.[keys[0]] && `${item[keys[0]]!.S} ${item[keys[1]]!.S}`);
    if (was === undefined && is === undefined) return 0;
    if (was === is) return Math.max(units(before), units(after));
    return (was === undefined ? 0 : units(before)) + (is === undefined ? 0 : units(after));
  };
  return factor * own + inIndex(['gsi1pk', 'gsi1sk']) + inIndex(['gsi2pk', 'gsi2sk']);
}
