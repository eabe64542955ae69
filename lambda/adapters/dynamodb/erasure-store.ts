import type { ErasureStore } from '../../core/admin/erasure.ts';
import { BUCKET_MILLISECONDS } from '../../core/audit/tool-call.ts';
import { ERASURE } from '../../core/mcp/execution.ts';
import * as itemType from '../../shared/item-types.ts';
import { byUserPrefix } from '../../shared/table-keys.ts';
import { markersOf } from './audit/call-markers.ts';
import { queryItems, takeItems } from './paged-query.ts';
import { callTable, partition, succeeded, type TableConnection } from './table-connection.ts';
import { haveEnded } from './upstream-token-store.ts';

/** Items that are deleted, and sessions that are looked up, in parallel. */
const AT_ONCE = 20;
/** A call that was running during the erasure of its session is written later, and only its marker leads to it. */
const LATE_CALLS_MILLISECONDS = 20 * 60_000;

/** Items by which other items are found. */
const leading = new Set<unknown>([itemType.session, itemType.grant, itemType.execution]);

type Erasable = { pk: string; sk: string; type?: unknown; revokedTtl?: unknown };

/** The attributes of a standing grant that stay: those of a blocked grant of direct mode (`grant-block.ts`). */
const KEPT = ['pk', 'sk', 'type', 'id', 'status', 'revokedAt'];

export function dynamoErasureStore(table: TableConnection): ErasureStore {
  const { client: dynamodb, name: TableName } = table;

  const remove = (item: Erasable, now: number) =>
    item.revokedTtl === undefined
      ? callTable(dynamodb.delete({ TableName, Key: { pk: item.pk, sk: item.sk } }))
      : anonymize(item, now);

  /**
   * Leaves a standing grant as revoked, without its user. Its id is always the same: without the item, the next token request
   * would admit a client that is blocked, and the tokens from before the erasure.
   */
  const anonymize = (item: Erasable, now: number) => {
    const removed = Object.keys(item).filter((name) => !KEPT.includes(name));
    return succeeded(
      dynamodb.update({
        TableName,
        Key: { pk: item.pk, sk: item.sk },
        UpdateExpression: `SET #status = :revoked, revokedAt = if_not_exists(revokedAt, :now) REMOVE ${removed.map((_, each) => `#removed${each}`)}`,
        // Absent once the operator has allowed the client again.
        ConditionExpression: 'attribute_exists(revokedTtl)',
        ExpressionAttributeNames: {
          '#status': 'status',
          ...Object.fromEntries(removed.map((name, each) => [`#removed${each}`, name])),
        },
        ExpressionAttributeValues: { ':revoked': 'revoked', ':now': Math.floor(now / 1000) },
      }),
    );
  };

  /** Cancels an execution: its process stores nothing more beside it, and stops. */
  const cancel = ({ pk, sk }: Erasable) =>
    succeeded(
      dynamodb.update({
        TableName,
        Key: { pk, sk },
        UpdateExpression: 'SET #status = :cancelled, version = version + :one, mark = :erasure',
        ConditionExpression: 'attribute_exists(version)',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':cancelled': 'cancelled', ':one': 1, ':erasure': ERASURE },
      }),
    );

  const inPartition = (pk: string, limit?: number) =>
    queryItems(table, { KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': pk } }, limit);

  const inIndex = (user: string, kind: keyof typeof byUserPrefix) =>
    queryItems(table, {
      IndexName: 'byUser',
      KeyConditionExpression: 'gsi1pk = :user AND begins_with(gsi1sk, :kind)',
      ExpressionAttributeValues: { ':user': partition.byUser(user), ':kind': byUserPrefix[kind] },
    });

  /** Calls that were written in the last minutes, of sessions that may be deleted by now. */
  async function* lateCalls(user: string, now: number) {
    const last = Math.floor(now / BUCKET_MILLISECONDS);
    const first = Math.floor((now - LATE_CALLS_MILLISECONDS) / BUCKET_MILLISECONDS);
    const sessions = new Set<string>();
    for (let bucket = last; bucket >= first; bucket--) {
      for (const { session } of await markersOf(table, bucket)) sessions.add(session);
    }
    const all = [...sessions];
    for (let index = 0; index < all.length; index += AT_ONCE) {
      const these = all.slice(index, index + AT_ONCE);
      const owners = await Promise.all(these.map(userOf));
      for (const session of these.filter((_, each) => owners[each] === user)) {
        yield* callsOf(session, user);
      }
    }
  }

  /** Only those of the user: the ids of imported sessions were not unique once. */
  async function* callsOf(session: string, user: string): AsyncGenerator<Erasable> {
    for await (const call of inPartition(partition.calls(session))) if (call.user === user) yield call;
  }

  /** The user of a session, from any of its calls. */
  async function userOf(session: string): Promise<unknown> {
    const [call] = await takeItems(inPartition(partition.calls(session), 1), 1);
    return call?.user;
  }

  /** The sessions and grants of a user, each after the items under it. */
  async function* sessionsAndGrantsOf(user: string): AsyncGenerator<Erasable> {
    const grants = new Set<string>();
    const underGrant = async function* (grant: string): AsyncGenerator<Erasable> {
      if (!grants.has(grant)) yield* ofGrant(grant);
      grants.add(grant);
    };
    for await (const session of inIndex(user, 'sessions')) {
      yield* underGrant(String(session.grant));
      yield* callsOf(String(session.id), user);
      yield session;
    }
    for await (const grant of inIndex(user, 'grants')) {
      yield* underGrant(String(grant.id));
      yield grant;
    }
  }

  /** All items of a user, each before the item that leads to it. */
  async function* everythingOf(user: string, now: number): AsyncGenerator<Erasable> {
    yield* sessionsAndGrantsOf(user);
    for (const pk of [partition.state(user), partition.changes(user), partition.importedSessions(user)]) {
      yield* inPartition(pk);
    }
    yield* inIndex(user, 'codes');
    yield* inPartition(partition.user(user));
    yield* lateCalls(user, now);
    // Last, so that users who erase themselves stay signed in until all else is deleted.
    yield* inIndex(user, 'dashboardSessions');
  }

  /** The items under a grant without its sessions, which lead to their calls. */
  async function* ofGrant(grant: string): AsyncGenerator<Erasable> {
    // Those of a revoked grant are deleted when the provider has revoked them.
    for await (const tokens of inPartition(partition.upstreamTokens(grant))) if (!haveEnded(tokens)) yield tokens;
    for await (const item of inPartition(partition.sessions(grant))) if (item.type !== itemType.session) yield item;
    yield* inPartition(partition.requestMarks(grant));
    for await (const execution of inPartition(partition.executions(grant))) {
      await cancel(execution);
      yield* inPartition(partition.executionTexts(grant, execution.sk));
      yield execution;
    }
  }

  return {
    async erase(user, most, now) {
      const everything = everythingOf(user, now);
      for (let items = 0; ; ) {
        const batch = await takeItems(rest(everything), Math.min(AT_ONCE, most - items));
        // After a failure the leading items are still there for the next attempt, and users who erase themselves signed in.
        const rank = ({ type }: Erasable) => (type === itemType.dashboardSession ? 2 : leading.has(type) ? 1 : 0);
        for (const turn of [0, 1, 2])
          await Promise.all(batch.filter((item) => rank(item) === turn).map((item) => remove(item, now)));
        items += batch.length;
        if (batch.length === 0) return { items, done: items < most };
      }
    },
  };
}

/** The rest of a generator, which stays open when its reader stops. */
async function* rest<T>(generator: AsyncGenerator<T>): AsyncGenerator<T> {
  for (let next = await generator.next(); !next.done; next = await generator.next()) yield next.value;
}
