import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit-log-writer.ts';
import { dynamoGrantStore } from '../../lambda/adapters/dynamodb/grant-store.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import { dynamoDashboardSessionStarter } from '../../lambda/adapters/dynamodb/user-writes.ts';
import { endOf, type ToolCall } from '../../lambda/core/audit/tool-call.ts';
import type { DashboardSession } from '../../lambda/core/dashboard/dashboard-session.ts';
import type { GrantStore } from '../../lambda/core/oauth/authorization-flow.ts';
import type { Item, Store } from '../../local/dynamodb/dynamodb-store.ts';
import { transactionParts, transactWrite } from '../../local/dynamodb/dynamodb-transactions.ts';
import { type Counted, callsEndedIn } from './generated-aggregates.ts';
import { RETENTION_DAYS, type World } from './generated-world.ts';
import { type Sequence, sequenceOf } from './item-sequence.ts';
import { marshalled } from './wire-items.ts';
import { Draft, type Written } from './written-items.ts';

const RECORD_SECONDS = RETENTION_DAYS * 86_400;
const none: Sequence = sequenceOf([], 'sk');

/** The partitions of the list of sessions, of grants and of users, of which every so manieth item is in each. */
const lists = { R: 16, G: 4, U: 4 };

/** Who looks, signed in at the dashboard. */
export type Visitor = { cookieHash: string; visit: DashboardSession };

/** A grant as a sign-in writes it. What goes within the hour is not there any more. */
export function signInOf(world: World, grant: number): Parameters<GrantStore['createGrant']>[0] {
  const { id, user, client, clientName, createdAt, scopes, ...rest } = world.grant(grant);
  const redirectUri = 'http://127.0.0.1:33418/callback';
  return {
    grant: { id, user, client, clientName, createdAt, scopes, ...rest },
    tokens: { sealed: 'x'.repeat(2600), version: 12, expiresAt: createdAt + 3600, refreshedAt: createdAt },
    codeHash: id.padEnd(43, '0'),
    code: { grant: id, user, client, redirectUri, challenge: 'x'.repeat(43), scopes, expiresAt: createdAt + 60 },
    approval: { user, client, clientName, redirectHost: '127.0.0.1', scopes, at: createdAt },
  };
}

/** When the record of a call ends, in epoch seconds. */
export const callExpiry = (call: Parameters<typeof endOf>[0]) => Math.floor(endOf(call) / 1000) + RECORD_SECONDS;

/** The session store of the functions that the world's sessions come from. */
export const recordedSessions = (table: Draft['table']) => dynamoSessionStore(table, RECORD_SECONDS);

/**
 * The items of a world, in the partitions of the table and of its indexes, as the adapters write them. None is kept: they
 * are written into a draft whenever they are asked for.
 */
export class GeneratedItems {
  readonly #world: World;
  readonly #counted: Counted;
  readonly #visitors: Visitor[];
  readonly #tableName: string;
  /** To carry out what the adapters write as updates. */
  readonly #scratch: Store;

  constructor(parts: { world: World; counted: Counted; visitors: Visitor[]; tableName: string; scratch: Store }) {
    this.#world = parts.world;
    this.#counted = parts.counted;
    this.#visitors = parts.visitors;
    this.#tableName = parts.tableName;
    this.#scratch = parts.scratch;
  }

  /** @param index absent for the table itself */
  async partition(index: string | undefined, name: string): Promise<Sequence> {
    if (index === 'byUser') return this.#ofUser(name);
    if (index === 'recent') return this.#listed(name);
    return this.#inTable(name);
  }

  async #inTable(pk: string): Promise<Sequence> {
    const world = this.#world;
    const [kind, id = ''] = [pk.slice(0, pk.indexOf('#')), pk.slice(pk.indexOf('#') + 1)];
    const grant = world.grantNumber(id);
    const session = world.sessionNumber(id);
    const user = world.userNumber(id);
    if (kind === 'A') return this.#counted.partition(pk);
    if (kind === 'C') return this.#markersOf(Number(id.split('#')[0]), pk);
    if (kind === 'B') return sequenceOf(await this.#dashboardSessions(({ cookieHash }) => cookieHash === id), 'sk');
    if (kind === 'D' && session !== undefined) return this.#callsOf(session);
    if (kind === 'S' && grant !== undefined) {
      return sequenceOf(
        world.sessionsUnder(grant).map((each) => this.#session(each)),
        'sk',
      );
    }
    if ((kind === 'G' || kind === 'T') && grant !== undefined) return this.#only(await this.#signIn(grant), pk);
    if (kind === 'U' && user !== undefined) return this.#only(await this.#signIns(world.grantsOf(user)), pk);
    return none;
  }

  async #ofUser(name: string): Promise<Sequence> {
    const user = this.#world.userNumber(name.slice('U#'.length));
    if (user === undefined) return none;
    const grants = (await this.#signIns(this.#world.grantsOf(user))).filter(({ type }) => type!.S === 'grant');
    const sessions = this.#world.sessionsOf(user).map((each) => this.#session(each));
    const dashboardSessions = await this.#dashboardSessions(({ visit }) => visit.user === this.#world.userKey(user));
    return sequenceOf([...grants, ...sessions, ...dashboardSessions], 'gsi1sk');
  }

  async #listed(name: string): Promise<Sequence> {
    const [kind, shard] = name.split('#') as [string, string];
    if (kind !== 'R' && kind !== 'G' && kind !== 'U') return none;
    const { size, grants } = this.#world;
    const count = lists[kind];
    // Letters of ids begin with A, whose code is 65, and codes are what items are spread by.
    const first = (Number(shard) - 65 + 65 * count) % count;
    const all = { R: size.sessions, G: grants, U: size.users }[kind];
    const numberAt = (position: number) => first + position * count;
    const length = Math.max(0, Math.ceil((all - first) / count));
    if (kind === 'R') {
      const item = (position: number) => this.#session(numberAt(position));
      return { length, item, key: (position) => String(item(position).gsi2sk!.S) };
    }
    if (kind === 'G') {
      const item = async (position: number) =>
        (await this.#signIn(numberAt(position))).find(({ type }) => type!.S === 'grant')!;
      const key = (position: number) => {
        const grant = numberAt(position);
        return `${this.#world.grantedAt(grant)}#${this.#world.grantId(grant)}`;
      };
      return { length, item, key };
    }
    const item = async (position: number) => {
      const grant = this.#world.grantsOf(numberAt(position)).at(-1)!;
      return (await this.#signIn(grant)).find(({ type }) => type!.S === 'user')!;
    };
    const key = (position: number) => {
      const user = numberAt(position);
      return `${this.#world.grantedAt(this.#world.grantsOf(user).at(-1)!)}#${this.#world.userKey(user)}`;
    };
    return { length, item, key };
  }

  #callsOf(session: number): Sequence {
    const item = (position: number) => this.#call(this.#world.call(session, position));
    const length = this.#world.callCount(session);
    return { length, item, key: (position) => String(item(position).sk!.S) };
  }

  #bucket: { number: number; markers: Item[] } | undefined;

  /** What marks the sessions that had calls in some five minutes. */
  #markersOf(bucket: number, name: string): Sequence {
    if (this.#bucket?.number !== bucket) {
      const draft = new Draft(this.#tableName);
      const writer = dynamoAuditLogWriter(draft.table);
      for (const call of callsEndedIn(this.#world, bucket)) void writer.recordCall(call, callExpiry(call));
      const written = draft.take().map(({ Item }) => marshalled(Item!));
      // The first one is written as often as there are calls under way.
      const markers = new Map(
        written.filter(({ type }) => type!.S === 'call-marker').map((item) => [`${item.pk!.S} ${item.sk!.S}`, item]),
      );
      this.#bucket = { number: bucket, markers: [...markers.values()] };
    }
    return sequenceOf(
      this.#bucket.markers.filter(({ pk }) => pk!.S === name),
      'sk',
    );
  }

  #call(call: ToolCall): Item {
    const draft = new Draft(this.#tableName);
    void dynamoAuditLogWriter(draft.table).recordCall(call, callExpiry(call));
    return marshalled(draft.take().find((each) => each.Item?.type === 'call')!.Item!);
  }

  #session(number: number): Item {
    const draft = new Draft(this.#tableName);
    const session = this.#world.session(number);
    const store = recordedSessions(draft.table);
    const isFormer =
      session.era === 'modern' && this.#world.sessionsUnder(this.#world.grantOf(number)).at(-1) !== number;
    void (isFormer ? store.start(session, 0, session) : store.start(session, 0));
    return marshalled(draft.take().at(-1)!.Item!);
  }

  async #dashboardSessions(isWanted: (visitor: Visitor) => boolean): Promise<Item[]> {
    const draft = new Draft(this.#tableName);
    for (const { cookieHash, visit } of this.#visitors.filter(isWanted)) {
      await dynamoDashboardSessionStarter(draft.table).startDashboardSession(cookieHash, visit, 0);
    }
    return draft.take().flatMap(({ Item }) => (Item ? [marshalled(Item)] : []));
  }

  async #signIns(grants: number[]): Promise<Item[]> {
    const items = new Map<string, Item>();
    for (const grant of grants) {
      // The user's own item is the one that the last sign-in wrote.
      for (const item of await this.#signIn(grant)) items.set(`${item.pk!.S} ${item.sk!.S}`, item);
    }
    return [...items.values()];
  }

  async #signIn(grant: number): Promise<Item[]> {
    const draft = new Draft(this.#tableName);
    await dynamoGrantStore(draft.table).createGrant(signInOf(this.#world, grant));
    return draft
      .take()
      .map((written) => (written.Item ? marshalled(written.Item) : this.#updated(written, grant)))
      .filter(({ type }) => type!.S !== 'code');
  }

  /** The item of a user, whose first sign-in was the one of the first grant. */
  #updated({ Key, UpdateExpression, ExpressionAttributeNames, ExpressionAttributeValues }: Written, grant: number) {
    const TableName = this.#tableName;
    const values = marshalled(ExpressionAttributeValues!);
    const firstAt = String(this.#world.grantedAt(this.#world.grantsOf(grant % this.#world.size.users)[0]!));
    const before = { ...marshalled(Key!), firstSignInAt: { N: firstAt } };
    const update = {
      TableName,
      Key: marshalled(Key!),
      UpdateExpression,
      ExpressionAttributeNames,
      ExpressionAttributeValues: values,
    };
    const write = (TransactItems: object[]) =>
      transactWrite(this.#scratch, transactionParts({ TransactItems }, ['Put', 'Update', 'Delete']));
    write([{ Put: { TableName, Item: before } }]);
    write([{ Update: update }]);
    const item = this.#scratch.find(TableName, marshalled(Key!))!;
    write([{ Delete: { TableName, Key: marshalled(Key!) } }]);
    return item;
  }

  #only(items: Item[], pk: string): Sequence {
    return sequenceOf(
      items.filter((item) => item.pk!.S === pk),
      'sk',
    );
  }
}
