import type { Grant } from '../../core/access/grant.ts';
import {
  CURRENT,
  formerName,
  type ImportedSession,
  MOST_SUBSCRIPTIONS,
  type Session,
  type SessionPreferences,
  type SessionStore,
  type StoredSession,
} from '../../core/sessions/session.ts';
import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import * as itemType from '../../shared/item-types.ts';
import { byUserPrefix } from '../../shared/table-keys.ts';
import { readItems } from './batch-read.ts';
import type { TransactWriteInput } from './client/table-client.ts';
import {
  ABSENT_OR_EXPIRED,
  callTable,
  conflicted,
  partition,
  recentPartitionOf,
  SINGLE,
  succeeded,
  type TableConnection,
  toDomain,
  writeOnce,
} from './table-connection.ts';

const LIVE_AND_THE_SAME = 'id = :id AND expiresAt > :now AND attribute_not_exists(endedAt)';
const NOT_TOO_MANY_SUBSCRIPTIONS = '(attribute_not_exists(subscriptions) OR size(subscriptions) < :most)';
const NOT_EXPIRED = 'expiresAt > :now';
const IS_POINTER = 'attribute_exists(renewedAs)';
const LEADS_TO = 'renewedAs = :session';
const LIVE = 'expiresAt > :now AND attribute_not_exists(endedAt)';

/** @param retentionSeconds how long an expired session stays in the table, as long as its calls are in the audit log */
export function dynamoSessionStore(connection: TableConnection, retentionSeconds = 0): SessionStore {
  const { client, name: table } = connection;
  const sessionItem = (session: Session) => ({
    ...keyOf(session),
    type: itemType.session,
    ...session,
    ttl: session.expiresAt + retentionSeconds,
    gsi1pk: partition.byUser(session.user),
    gsi1sk: `${byUserPrefix.sessions}${session.startedAt}#${session.id}`,
    gsi2pk: recentPartitionOf.sessions(session.id),
    gsi2sk: `${session.lastSeenAt}#${session.id}`,
  });

  /** Leads from another id to the session. */
  const pointerItem = ({ grant, id, expiresAt }: Session, otherId: string) => ({
    pk: partition.sessions(grant),
    sk: otherId,
    type: itemType.renewedSession,
    renewedAs: id,
    expiresAt,
    ttl: expiresAt + retentionSeconds,
  });

  const put = (item: Record<string, unknown>, now: number) => ({
    TableName: table,
    Item: item,
    ConditionExpression: ABSENT_OR_EXPIRED,
    ExpressionAttributeValues: { ':now': now },
  });

  /** Admits a write that the client repeats because its response was lost. */
  const orSame = (
    { ConditionExpression, ExpressionAttributeValues, ...rest }: ReturnType<typeof put>,
    { id }: Session,
  ) => ({
    ...rest,
    ConditionExpression: `${ConditionExpression} OR id = :id`,
    ExpressionAttributeValues: { ...ExpressionAttributeValues, ':id': id },
  });

  /** Also false when another transaction is writing the same items: a new read finds its result. */
  const transact = (TransactItems: TransactWriteInput['TransactItems']) =>
    succeeded(client.transactWrite({ TransactItems })).catch((error) => {
      if (error instanceof ServiceUnavailableError && conflicted(error.cause)) return false;
      throw error;
    });

  /** Whichever session it leads to, the request that follows it has used it. */
  const slidePointer = (grant: string, name: string, expiresAt: number) =>
    succeeded(
      client.update({
        TableName: table,
        Key: { pk: partition.sessions(grant), sk: name },
        UpdateExpression: 'SET expiresAt = :expires, #ttl = :ttl',
        ConditionExpression: IS_POINTER,
        ExpressionAttributeNames: { '#ttl': 'ttl' },
        ExpressionAttributeValues: { ':expires': expiresAt, ':ttl': expiresAt + retentionSeconds },
      }),
    );

  return {
    async find(grant, name) {
      const grantKey = { pk: partition.grant(grant), sk: SINGLE };
      const sessionKey = { pk: partition.sessions(grant), sk: name };
      const items = await readItems(connection, [grantKey, sessionKey]);
      const itemOf = ({ pk }: { pk: string }) => items.find((item) => item.pk === pk);
      const foundGrant = itemOf(grantKey);
      const foundSession = itemOf(sessionKey);
      return {
        grant: foundGrant && toDomain<Grant>(foundGrant),
        stored: foundSession && toDomain<StoredSession>(foundSession),
      };
    },

    start: (session, now, former) => {
      const first = put(sessionItem(session), now);
      if (!former) return succeeded(client.put(orSame(first, session)));
      const moved = { ...sessionItem(former), sk: formerName(former) };
      return transact([{ Put: first }, { Put: { TableName: table, Item: moved } }]);
    },

    renew: (session, staleName, now, former) => {
      const replacing = {
        ...put(pointerItem(session, staleName), now),
        ConditionExpression: `${ABSENT_OR_EXPIRED} OR ${LEADS_TO}`,
        ExpressionAttributeValues: { ':now': now, ':session': former ?? '' },
      };
      return transact([{ Put: put(sessionItem(session), now) }, { Put: replacing }]);
    },

    async slide(session, lastSeenAt, expiresAt, pointer) {
      const slid = succeeded(
        client.update({
          TableName: table,
          Key: keyOf(session),
          UpdateExpression: 'SET lastSeenAt = :seen, expiresAt = :expires, #ttl = :ttl, gsi2sk = :seenText',
          ConditionExpression: LIVE_AND_THE_SAME,
          ExpressionAttributeNames: { '#ttl': 'ttl' },
          ExpressionAttributeValues: {
            ':id': session.id,
            ':seen': lastSeenAt,
            ':seenText': `${lastSeenAt}#${session.id}`,
            ':expires': expiresAt,
            ':ttl': expiresAt + retentionSeconds,
            ':now': lastSeenAt,
          },
        }),
      );
      await Promise.all([slid, pointer !== undefined && slidePointer(session.grant, pointer, expiresAt)]);
    },

    async savePreferences(session, preferences, now) {
      const { ExpressionAttributeValues, ...clauses } = preferenceClauses(preferences);
      await succeeded(
        client.update({
          TableName: table,
          Key: keyOf(session),
          ...clauses,
          ExpressionAttributeValues: { ':id': session.id, ':now': now, ...ExpressionAttributeValues },
        }),
      );
    },

    async end(grant, id, now) {
      await succeeded(
        client.update({
          TableName: table,
          Key: { pk: partition.sessions(grant), sk: id },
          UpdateExpression: 'SET endedAt = :now',
          ConditionExpression: LIVE,
          ExpressionAttributeValues: { ':now': now },
        }),
      );
    },

    addImported: (imported, now) => {
      const item = {
        ...importedKey(imported),
        type: itemType.importedSession,
        ...imported,
        ttl: imported.expiresAt,
      };
      return writeOnce(connection, { Put: put(item, now) });
    },

    async findImported(user, id) {
      const Key = importedKey({ user, id });
      const { Item } = await callTable(client.get({ TableName: table, Key, ConsistentRead: true }));
      return Item && toDomain<ImportedSession>(Item);
    },

    adoptImported: (session, importedId, now) => {
      const imported = {
        TableName: table,
        Key: importedKey({ user: session.user, id: importedId }),
        ConditionExpression: NOT_EXPIRED,
        ExpressionAttributeValues: { ':now': now },
      };
      const puts = [sessionItem(session), pointerItem(session, importedId)].map((item) => ({ Put: put(item, now) }));
      return transact([...puts, { Delete: imported }]);
    },
  };
}

const importedKey = ({ user, id }: Pick<ImportedSession, 'user' | 'id'>) => ({
  pk: partition.importedSessions(user),
  sk: id,
});

const keyOf = ({ grant, era, id }: Session) => ({
  pk: partition.sessions(grant),
  sk: era === 'modern' ? CURRENT : id,
});

function preferenceClauses(preferences: SessionPreferences) {
  if ('logLevel' in preferences) {
    return {
      UpdateExpression: 'SET logLevel = :level',
      ConditionExpression: LIVE_AND_THE_SAME,
      ExpressionAttributeValues: { ':level': preferences.logLevel },
    };
  }
  if ('subscribed' in preferences) {
    return {
      UpdateExpression: 'ADD subscriptions :uri',
      ConditionExpression: `${LIVE_AND_THE_SAME} AND ${NOT_TOO_MANY_SUBSCRIPTIONS}`,
      ExpressionAttributeValues: { ':uri': new Set([preferences.subscribed]), ':most': MOST_SUBSCRIPTIONS },
    };
  }
  return {
    UpdateExpression: 'DELETE subscriptions :uri',
    ConditionExpression: LIVE_AND_THE_SAME,
    ExpressionAttributeValues: { ':uri': new Set([preferences.unsubscribed]) },
  };
}
