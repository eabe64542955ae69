import type { ErasureStore } from '../../core/admin/erasure.ts';
import { BUCKET_MILLISECONDS } from '../../core/audit/tool-call.ts';
import { markersOf } from './call-markers.ts';
import { queryItems, takeItems } from './paged-query.ts';
import { callTable, partition, SINGLE, type TableConnection } from './table-connection.ts';

/** Items that are deleted, and sessions that are looked up, at the same time. */
const AT_ONCE = 20;
/** A tool that was under way when its user's items went is on record when it has ended, and nothing leads there. */
const STRAGGLERS_MILLISECONDS = 20 * 60_000;

/** By these the others are found. */
const leading = new Set<unknown>(['session', 'grant', 'run', 'visit']);

type Erasable = { pk: string; sk: string; type?: unknown };

export function dynamoErasureStore(table: TableConnection): ErasureStore {
  const { client: dynamodb, name: TableName } = table;

  const remove = ({ pk, sk }: Erasable) => callTable(dynamodb.delete({ TableName, Key: { pk, sk } }));

  const inPartition = (pk: string, limit?: number) =>
    queryItems(table, { KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': pk } }, limit);

  const inIndex = (user: string, kind: string) =>
    queryItems(table, {
      IndexName: 'byUser',
      KeyConditionExpression: 'gsi1pk = :user AND begins_with(gsi1sk, :kind)',
      ExpressionAttributeValues: { ':user': partition.byUser(user), ':kind': kind },
    });

  async function* justRecorded(user: string, now: number) {
    const last = Math.floor(now / BUCKET_MILLISECONDS);
    const first = Math.floor((now - STRAGGLERS_MILLISECONDS) / BUCKET_MILLISECONDS);
    const sessions = new Set<string>();
    for (let bucket = last; bucket >= first; bucket--) {
      for (const { session } of await markersOf(table, bucket)) sessions.add(session);
    }
    const all = [...sessions];
    for (let index = 0; index < all.length; index += AT_ONCE) {
      const these = all.slice(index, index + AT_ONCE);
      const owners = await Promise.all(these.map(userOf));
      for (const session of these.filter((_, each) => owners[each] === user)) {
        yield* inPartition(partition.calls(session));
      }
    }
  }

  /** Whose session it is, as any of its calls says. */
  async function userOf(session: string): Promise<unknown> {
    const [call] = await takeItems(inPartition(partition.calls(session), 1), 1);
    return call?.user;
  }

  /** Everything of a user, each before what leads to it. */
  async function* everythingOf(user: string, now: number): AsyncGenerator<Erasable> {
    const grants = new Set<string>();
    for (const kind of ['S#', 'G#']) {
      for await (const item of inIndex(user, kind)) {
        const grant = String(kind === 'S#' ? item.grant : item.id);
        if (!grants.has(grant)) yield* ofGrant(grant);
        grants.add(grant);
        if (kind === 'S#') yield* inPartition(partition.calls(String(item.id)));
        yield item;
      }
    }
    for (const pk of [partition.state(user), partition.changes(user), partition.importedSessions(user)]) {
      yield* inPartition(pk);
    }
    yield* inIndex(user, 'O#');
    yield* inPartition(partition.user(user));
    yield* justRecorded(user, now);
    // Who erases themselves is signed in until there is nothing else.
    yield* inIndex(user, 'B#');
  }

  /** What stands under a grant, but for its sessions, which lead to their calls. */
  async function* ofGrant(grant: string): AsyncGenerator<Erasable> {
    yield { pk: partition.upstreamTokens(grant), sk: SINGLE };
    for await (const item of inPartition(partition.sessions(grant))) if (item.type !== 'session') yield item;
    for await (const run of inPartition(partition.executions(grant))) {
      yield* inPartition(partition.executionTexts(grant, run.sk));
      yield run;
    }
  }

  return {
    async erase(user, most, now) {
      const everything = everythingOf(user, now);
      for (let items = 0; ; ) {
        const batch = await takeItems(continued(everything), Math.min(AT_ONCE, most - items));
        // If one cannot be deleted now, what leads to it is still there for the next time.
        await Promise.all(batch.filter(({ type }) => !leading.has(type)).map(remove));
        await Promise.all(batch.filter(({ type }) => leading.has(type)).map(remove));
        items += batch.length;
        if (batch.length === 0) return { items, done: items < most };
      }
    },
  };
}

/** The rest of what a generator has, which stays open when its reader stops. */
async function* continued<T>(generator: AsyncGenerator<T>): AsyncGenerator<T> {
  for (let next = await generator.next(); !next.done; next = await generator.next()) yield next.value;
}
