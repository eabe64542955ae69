import type { Grant } from '../../core/access/grant.ts';
import type { SealedUpstreamTokens } from '../../core/identity/upstream-tokens.ts';
import type { AuthorizationCode, GrantStore } from '../../core/oauth/authorization-flow.ts';
import { sha256 } from '../../core/support/crypto.ts';
import * as itemType from '../../shared/item-types.ts';
import { byUserPrefix } from '../../shared/table-keys.ts';
import { writeWithAssertion } from './assertion-store.ts';
import { readItems } from './batch-read.ts';
import { completionWrite } from './flow-store.ts';
import { revocationWrites } from './revocation-writes.ts';
import {
  callTable,
  partition,
  recentPartitionOf,
  SINGLE,
  type TableConnection,
  toDomain,
  writeOnce,
} from './table-connection.ts';
import { haveEnded } from './upstream-token-store.ts';
import { signInWrite } from './user-writes.ts';

/** How long a used code stays, so that its replay is detected. */
const USED_CODE_SECONDS = 3600;
const APPROVAL_SECONDS = 400 * 24 * 3600;

const NOT_USED_NOR_EXPIRED = 'attribute_not_exists(usedAt) AND expiresAt > :now';
const ABSENT_OR_ACTIVE = 'attribute_not_exists(pk) OR #status = :active';

/**
 * The `ttl` of a standing grant once it is revoked (`revocationWrites`): its id is always the same, so the item denies
 * access as long as it exists.
 */
const REVOKED_FOR_GOOD = 253_402_300_799;

const ACTIVE_AT_HEAD = '#status = :active AND refresh.head = :head';

export function dynamoGrantStore(table: TableConnection): GrantStore {
  const { client: dynamodb, name: TableName } = table;
  const putNew = (pk: string, type: string, content: object, ttl: number) => ({
    Put: {
      TableName,
      Item: { pk, sk: SINGLE, type, ...content, ttl },
      ConditionExpression: 'attribute_not_exists(pk)',
    },
  });

  const putGrant = (grant: Grant) =>
    putNew(partition.grant(grant.id), itemType.grant, listed(grant), grant.absoluteExpiresAt);
  // Changes nothing, as in `redeemCode`.
  const signedIn = (cookieHash: string, now: number) => ({
    Update: {
      TableName,
      Key: { pk: partition.dashboardSession(cookieHash), sk: SINGLE },
      UpdateExpression: 'SET #type = :type',
      ConditionExpression: 'expiresAt > :now',
      ExpressionAttributeNames: { '#type': 'type' },
      ExpressionAttributeValues: { ':type': itemType.dashboardSession, ':now': now },
    },
  });

  return {
    revokeGrant: (id, now, assertion) => writeWithAssertion(table, revocationWrites(TableName, id, now), assertion),

    async createGrant({ grant, tokens, codeHash, code, approval, sealedName }, stateHash) {
      // Not listed anywhere: for the erasure of its user.
      const owned = { ...code, gsi1pk: partition.byUser(grant.user), gsi1sk: `${byUserPrefix.codes}${codeHash}` };
      const approvalItem = {
        pk: partition.user(approval.user),
        sk: `C#${await sha256(`${approval.client}\n${approval.redirectHost}`)}`,
        type: itemType.approval,
        ...approval,
        ttl: approval.at + APPROVAL_SECONDS,
      };
      return writeOnce(
        table,
        ...(stateHash === undefined ? [] : [completionWrite(TableName, stateHash, grant.createdAt)]),
        putGrant(grant),
        putNew(partition.upstreamTokens(grant.id), itemType.upstreamTokens, tokens, grant.absoluteExpiresAt),
        putNew(partition.code(codeHash), itemType.code, owned, code.expiresAt + USED_CODE_SECONDS),
        { Put: { TableName, Item: approvalItem } },
        signInWrite(TableName, grant.user, sealedName, grant.createdAt),
      );
    },

    keepStandingGrant(grant, now, assertions) {
      const Item = {
        pk: partition.grant(grant.id),
        sk: SINGLE,
        type: itemType.grant,
        ...listed(grant),
        ttl: grant.absoluteExpiresAt,
        revokedTtl: REVOKED_FOR_GOOD,
      };
      const put = {
        Put: {
          TableName,
          Item,
          ConditionExpression: ABSENT_OR_ACTIVE,
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: { ':active': 'active' },
        },
      };
      return writeWithAssertion(table, [put, signInWrite(TableName, grant.user, null, now)], assertions);
    },
    createPersonalGrant: (grant, cookieHash) =>
      writeOnce(table, putGrant(grant), ...(cookieHash === undefined ? [] : [signedIn(cookieHash, grant.createdAt)])),

    async findCode(codeHash) {
      const Key = { pk: partition.code(codeHash), sk: SINGLE };
      const { Item } = await callTable(dynamodb.get({ TableName, Key, ConsistentRead: true }));
      return Item && toDomain<AuthorizationCode>(Item);
    },

    redeemCode(codeHash, grant, now, assertion) {
      const use = {
        Update: {
          TableName,
          Key: { pk: partition.code(codeHash), sk: SINGLE },
          UpdateExpression: 'SET usedAt = :now',
          ConditionExpression: NOT_USED_NOR_EXPIRED,
          ExpressionAttributeValues: { ':now': now },
        },
      };
      // Changes nothing: the condition is what counts, and the role permits updates and no condition checks.
      const active = {
        Update: {
          TableName,
          Key: { pk: partition.grant(grant), sk: SINGLE },
          UpdateExpression: 'SET #status = :active',
          ConditionExpression: '#status = :active',
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: { ':active': 'active' },
        },
      };
      return writeWithAssertion(table, [use, active], assertion);
    },

    async findGrant(id) {
      const found = await readItems(
        table,
        [partition.grant(id), partition.upstreamTokens(id)].map((pk) => ({ pk, sk: SINGLE })),
      );
      const item = (type: string) => found.find((each) => each.type === type);
      const [grant, tokens] = [item(itemType.grant), item(itemType.upstreamTokens)];
      return {
        ...(grant && { grant: toDomain<Grant>(grant) }),
        ...(tokens && !haveEnded(tokens) && { tokens: toDomain<SealedUpstreamTokens>(tokens) }),
      };
    },

    rotate(id, head, { refresh, idleExpiresAt, groups }, assertion) {
      const advance = {
        Update: {
          TableName,
          Key: { pk: partition.grant(id), sk: SINGLE },
          UpdateExpression: 'SET refresh = :refresh, idleExpiresAt = :idle, groups = :groups',
          ConditionExpression: ACTIVE_AT_HEAD,
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: {
            ':refresh': refresh,
            ':idle': idleExpiresAt,
            ':groups': groups,
            ':active': 'active',
            ':head': head,
          },
        },
      };
      return writeWithAssertion(table, [advance], assertion);
    },
  };
}

/** The grant with the keys of the indexes that list it. */
function listed(grant: Grant) {
  const time = `${grant.createdAt}#${grant.id}`;
  return {
    ...grant,
    gsi1pk: partition.byUser(grant.user),
    gsi1sk: `${byUserPrefix.grants}${time}`,
    gsi2pk: recentPartitionOf.grants(grant.id),
    gsi2sk: time,
  };
}
