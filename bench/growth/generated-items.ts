import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit-log-writer.ts';
import { dynamoGrantStore } from '../../lambda/adapters/dynamodb/grant-store.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import { dynamoDashboardSessionStarter } from '../../lambda/adapters/dynamodb/user-writes.ts';
import { endOf, type ToolCall } from '../../lambda/core/audit/tool-call.ts';
import type { DashboardSession } from '../../lambda/core/dashboard/dashboard-session.ts';
import type { GrantStore } from '../../lambda/core/oauth/authorization-flow.ts';
import type { Item, Store } from '../../local/dynamodb/dynamodb-store.ts';
import { transactionParts, transactWrite } from '../../local/dynamodb/dynamodb-transactions.ts';
import { callsEndedIn, type GeneratedAggregates } from './generated-aggregates.ts';
import { type GeneratedData, RETENTION_DAYS } from './generated-data.ts';
import { type Sequence, sequenceOf } from './item-sequence.ts';
import { marshalled } from './wire-items.ts';
import { WriteRecorder, type Written } from './write-recorder.ts';

const RETENTION_SECONDS = RETENTION_DAYS * 86_400;
const none: Sequence = sequenceOf([], 'sk');

/** The number of partitions of the lists of sessions, grants and users. Items are distributed in turn. */
const lists = { R: 16, G: 4, U: 4 };

/** A user who is signed in at the dashboard. */
export type DashboardUser = { cookieHash: string; session: DashboardSession };

/** The input of a sign-in, which writes the grant. Its short-lived items have expired. */
export function signInOf(data: GeneratedData, grant: number): Parameters<GrantStore['createGrant']>[0] {
  const { id, user, client, clientName, createdAt, scopes, ...rest } = data.grant(grant);
  const redirectUri = 'http://127.0.0.1:33418/callback';
  return {
    grant: { id, user, client, clientName, createdAt, scopes, ...rest },
    tokens: { sealed: 'x'.repeat(2600), version: 12, expiresAt: createdAt + 3600, refreshedAt: createdAt },
    codeHash: id.padEnd(43, '0'),
    code: { grant: id, user, client, redirectUri, challenge: 'x'.repeat(43), scopes, expiresAt: createdAt + 60 },
    approval: { user, client, clientName, redirectHost: '127.0.0.1', scopes, at: createdAt },
  };
}

/** The expiry of a call in the audit log, in epoch seconds. */
export const callExpiry = (call: Parameters<typeof endOf>[0]) => Math.floor(endOf(call) / 1000) + RETENTION_SECONDS;

/** The session store that writes the generated sessions. */
export const sessionStore = (table: WriteRecorder['table']) => dynamoSessionStore(table, RETENTION_SECONDS);

/**
 * The items of the generated data in the partitions of the table and its indexes, as the adapters write them. They are not
 * stored: each read makes the adapters write them into a recorder.
 */
export class GeneratedItems {
  readonly #data: GeneratedData;
  readonly #aggregates: GeneratedAggregates;
  readonly #dashboardUsers: DashboardUser[];
  readonly #tableName: string;
  /** Performs the updates that the adapters write. */
  readonly #scratch: Store;

  constructor(given: {
    data: GeneratedData;
    aggregates: GeneratedAggregates;
    dashboardUsers: DashboardUser[];
    tableName: string;
    scratch: Store;
  }) {
    this.#data = given.data;
    this.#aggregates = given.aggregates;
    this.#dashboardUsers = given.dashboardUsers;
    this.#tableName = given.tableName;
    this.#scratch = given.scratch;
  }

  /** @param index absent for the table itself */
  async partition(index: string | undefined, name: string): Promise<Sequence> {
    if (index === 'byUser') return this.#ofUser(name);
    if (index === 'recent') return this.#listed(name);
    return this.#inTable(name);
  }

  async #inTable(pk: string): Promise<Sequence> {
    const data = this.#data;
    const [kind, id = ''] = [pk.slice(0, pk.indexOf('#')), pk.slice(pk.indexOf('#') + 1)];
    const grant = data.grantNumber(id);
    const session = data.sessionNumber(id);
    const user = data.userNumber(id);
    if (kind === 'A') return this.#aggregates.partition(pk);
    if (kind === 'C') return this.#markersOf(Number(id.split('#')[0]), pk);
    if (kind === 'B') return sequenceOf(await this.#dashboardSessions(({ cookieHash }) => cookieHash === id), 'sk');
    if (kind === 'D' && session !== undefined) return this.#callsOf(session);
    if (kind === 'S' && grant !== undefined) {
      return sequenceOf(
        data.sessionsUnder(grant).map((each) => this.#session(each)),
        'sk',
      );
    }
    if ((kind === 'G' || kind === 'T') && grant !== undefined) return this.#only(await this.#signIn(grant), pk);
    if (kind === 'U' && user !== undefined) return this.#only(await this.#signIns(data.grantsOf(user)), pk);
    return none;
  }

  async #ofUser(name: string): Promise<Sequence> {
    const user = this.#data.userNumber(name.slice('U#'.length));
    if (user === undefined) return none;
    const grants = (await this.#signIns(this.#data.grantsOf(user))).filter(({ type }) => type!.S === 'grant');
    const sessions = this.#data.sessionsOf(user).map((each) => this.#session(each));
    const dashboardSessions = await this.#dashboardSessions(({ session }) => session.user === this.#data.userKey(user));
    return sequenceOf([...grants, ...sessions, ...dashboardSessions], 'gsi1sk');
  }

  async #listed(name: string): Promise<Sequence> {
    const [kind, shard] = name.split('#') as [string, string];
    if (kind !== 'R' && kind !== 'G' && kind !== 'U') return none;
    const { size, grants } = this.#data;
    const count = lists[kind];
    // Items are distributed by the code of the first letter of their ids. The first letter is A, code 65.
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
        return `${this.#data.grantedAt(grant)}#${this.#data.grantId(grant)}`;
      };
      return { length, item, key };
    }
    const item = async (position: number) => {
      const grant = this.#data.grantsOf(numberAt(position)).at(-1)!;
      return (await this.#signIn(grant)).find(({ type }) => type!.S === 'user')!;
    };
    const key = (position: number) => {
      const user = numberAt(position);
      return `${this.#data.grantedAt(this.#data.grantsOf(user).at(-1)!)}#${this.#data.userKey(user)}`;
    };
    return { length, item, key };
  }

  #callsOf(session: number): Sequence {
    const item = (position: number) => this.#call(this.#data.call(session, position));
    const length = this.#data.callCount(session);
    return { length, item, key: (position) => String(item(position).sk!.S) };
  }

  #bucket: { number: number; markers: Item[] } | undefined;

  /** The markers of the sessions with calls in a period of five minutes. */
  #markersOf(bucket: number, name: string): Sequence {
    if (this.#bucket?.number !== bucket) {
      const recorder = new WriteRecorder(this.#tableName);
      const writer = dynamoAuditLogWriter(recorder.table);
      for (const call of callsEndedIn(this.#data, bucket)) void writer.recordCall(call, callExpiry(call));
      const written = recorder.take().map(({ Item }) => marshalled(Item!));
      // Concurrent calls write the first marker several times.
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
    const recorder = new WriteRecorder(this.#tableName);
    void dynamoAuditLogWriter(recorder.table).recordCall(call, callExpiry(call));
    return marshalled(recorder.take().find((each) => each.Item?.type === 'call')!.Item!);
  }

  #session(number: number): Item {
    const recorder = new WriteRecorder(this.#tableName);
    const session = this.#data.session(number);
    const store = sessionStore(recorder.table);
    const isFormer = session.era === 'modern' && this.#data.sessionsUnder(this.#data.grantOf(number)).at(-1) !== number;
    void (isFormer ? store.start(session, 0, session) : store.start(session, 0));
    return marshalled(recorder.take().at(-1)!.Item!);
  }

  async #dashboardSessions(isWanted: (user: DashboardUser) => boolean): Promise<Item[]> {
    const recorder = new WriteRecorder(this.#tableName);
    for (const { cookieHash, session } of this.#dashboardUsers.filter(isWanted)) {
      await dynamoDashboardSessionStarter(recorder.table).startDashboardSession(cookieHash, session, 0);
    }
    return recorder.take().flatMap(({ Item }) => (Item ? [marshalled(Item)] : []));
  }

  async #signIns(grants: number[]): Promise<Item[]> {
    const items = new Map<string, Item>();
    for (const grant of grants) {
      // The last sign-in has written the user's item.
      for (const item of await this.#signIn(grant)) items.set(`${item.pk!.S} ${item.sk!.S}`, item);
    }
    return [...items.values()];
  }

  async #signIn(grant: number): Promise<Item[]> {
    const recorder = new WriteRecorder(this.#tableName);
    await dynamoGrantStore(recorder.table).createGrant(signInOf(this.#data, grant));
    return recorder
      .take()
      .map((written) => (written.Item ? marshalled(written.Item) : this.#updated(written, grant)))
      .filter(({ type }) => type!.S !== 'code');
  }

  /** The user's item after an update. The first sign-in is that of the first grant. */
  #updated({ Key, UpdateExpression, ExpressionAttributeNames, ExpressionAttributeValues }: Written, grant: number) {
    const TableName = this.#tableName;
    const values = marshalled(ExpressionAttributeValues!);
    const firstAt = String(this.#data.grantedAt(this.#data.grantsOf(grant % this.#data.size.users)[0]!));
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
