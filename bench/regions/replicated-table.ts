import { isDeepStrictEqual } from 'node:util';
import { TableError } from '../../lambda/adapters/dynamodb/client/table-client.ts';
import { wireTableClient } from '../../lambda/adapters/dynamodb/client/wire-table-client.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { AwsError, type Json } from '../../local/aws-api/aws-error.ts';
import { isDataOperation, type ParsedRequest, parse, perform } from '../../local/dynamodb/dynamodb-engine.ts';
import type { Item, Store } from '../../local/dynamodb/dynamodb-store.ts';
import { transactionParts, transactWrite } from '../../local/dynamodb/dynamodb-transactions.ts';
import { emptyStore } from '../growth/session-table-definition.ts';

export type Region = 'east' | 'west';

export const otherRegion = (region: Region): Region => (region === 'east' ? 'west' : 'east');

/** The state of an item after a write, and the order of this write among all writes; without an item, it was deleted. */
type Version = { key: Item; item: Item | undefined; order: number };

type Arrival = { to: Region; at: number; version: Version };

export type Replication = {
  /** Epoch milliseconds. */
  now(): number;
  /** When a write of the present time arrives in the other region, in epoch milliseconds. */
  arrivalFrom(region: Region): number;
};

const NAME = 'Holdfast';

/**
 * A global table of two replicas with eventual consistency, as the DynamoDB Developer Guide describes it ("How DynamoDB
 * global tables work"): conditions are evaluated in the region of the write; the items of a transaction replicate one by
 * one; of two writes of an item, the later one replaces the whole item everywhere. A write that changes nothing has no
 * stream record, and so does not replicate. The engine of the local DynamoDB performs the requests.
 */
export class ReplicatedTable {
  readonly #stores: Record<Region, Store>;
  readonly #replication: Replication;
  /** The order of the write that each item has, by region. */
  readonly #orders: Record<Region, Map<string, number>> = { east: new Map(), west: new Map() };
  #arrivals: Arrival[] = [];
  #writes = 0;

  private constructor(stores: Record<Region, Store>, replication: Replication) {
    this.#stores = stores;
    this.#replication = replication;
  }

  static async open(replication: Replication): Promise<ReplicatedTable> {
    return new ReplicatedTable({ east: await emptyStore(NAME), west: await emptyStore(NAME) }, replication);
  }

  /** The replica of the region. */
  connection(region: Region): TableConnection {
    const client = wireTableClient(async (operation, input) => {
      try {
        // Undefined members are absent in JSON.
        return this.#perform(region, operation, JSON.parse(JSON.stringify(input)));
      } catch (error) {
        if (!(error instanceof AwsError)) throw error;
        const { code: name, message, status, details } = error;
        const reasons = (details.CancellationReasons ?? []) as { Code: string }[];
        throw new TableError({ name, message, status, reasons: reasons.map(({ Code }) => Code) });
      }
    });
    return { client, name: NAME };
  }

  /** Applies the writes that have arrived by now. */
  deliver(): void {
    const now = this.#replication.now();
    const arrived = this.#arrivals.filter(({ at }) => at <= now);
    if (arrived.length === 0) return;
    this.#arrivals = this.#arrivals.filter(({ at }) => at > now);
    for (const { to, version } of arrived) this.#apply(to, version);
  }

  /** Discards all items. */
  clear(): void {
    for (const region of ['east', 'west'] as const) {
      for (const item of this.#stores[region].items(NAME)) this.#stores[region].remove(NAME, item);
      this.#orders[region].clear();
    }
    this.#arrivals = [];
  }

  #perform(region: Region, operation: string, input: Json): Json {
    const store = this.#stores[region];
    if (operation === 'TransactWriteItems') {
      const parts = transactionParts(input, ['ConditionCheck', 'Delete', 'Put', 'Update']);
      return this.#replicating(region, parts, () => {
        transactWrite(store, parts);
        return {};
      });
    }
    if (!isDataOperation(operation)) throw new Error(`${operation} is not simulated`);
    const request = parse(operation, input);
    const work = () => store.atomically(() => perform(store, request)) as Json;
    return /^(Put|Update|Delete)Item$/.test(operation) ? this.#replicating(region, [request], work) : work();
  }

  /** Performs writes, and sends to the other region the items that they changed. */
  #replicating(region: Region, requests: ParsedRequest[], work: () => Json): Json {
    const store = this.#stores[region];
    const keys = requests.map(({ data }) => keyOf(data.Key ?? data.Item!));
    const before = keys.map((key) => store.find(NAME, key));
    const result = work();
    for (const [index, key] of keys.entries()) {
      const item = store.find(NAME, key);
      if (isDeepStrictEqual(item, before[index])) continue;
      const version = { key, item, order: ++this.#writes };
      this.#orders[region].set(nameOf(key), version.order);
      this.#arrivals.push({ to: otherRegion(region), at: this.#replication.arrivalFrom(region), version });
    }
    return result;
  }

  #apply(region: Region, { key, item, order }: Version): void {
    const name = nameOf(key);
    if ((this.#orders[region].get(name) ?? 0) > order) return;
    this.#orders[region].set(name, order);
    if (item) this.#stores[region].put(NAME, item);
    else this.#stores[region].remove(NAME, key);
  }
}

const keyOf = ({ pk, sk }: Item): Item => ({ pk: pk!, sk: sk! });
const nameOf = ({ pk, sk }: Item) => `${pk!.S} ${sk!.S}`;
