import type { DashboardSessionStarter } from '../../core/dashboard/dashboard-session.ts';
import { callTable, partition, SINGLE, spread, type TableConnection } from './table-connection.ts';

/** A user who has not signed in for so long is forgotten: longer than a grant may live, and its calls are on record. */
const USER_SECONDS = 400 * 24 * 3600;

/** The write that keeps when a user has signed in, as a part of whatever else a sign-in writes. */
export const signInWrite = (TableName: string, user: string, sealedName: string | undefined, now: number) => ({
  Update: {
    TableName,
    Key: { pk: partition.user(user), sk: SINGLE },
    UpdateExpression: `SET #type = :type, #user = :user, firstSignInAt = if_not_exists(firstSignInAt, :now), lastSignInAt = :now, #ttl = :ttl, gsi2pk = :list, gsi2sk = :time${sealedName ? ', sealedName = :name' : ' REMOVE sealedName'}`,
    ExpressionAttributeNames: { '#type': 'type', '#user': 'user', '#ttl': 'ttl' },
    ExpressionAttributeValues: {
      ':type': 'user',
      ':user': user,
      ':now': now,
      ':ttl': now + USER_SECONDS,
      ':list': spread.users(user),
      ':time': `${now}#${user}`,
      ...(sealedName && { ':name': sealedName }),
    },
  },
});

export function dynamoDashboardSessionStarter({
  client: dynamodb,
  name: TableName,
}: TableConnection): DashboardSessionStarter {
  return {
    async startDashboardSession(cookieHash, visit, now) {
      const Item = {
        pk: partition.dashboardSession(cookieHash),
        sk: SINGLE,
        type: 'visit',
        ...visit,
        ttl: visit.expiresAt,
        gsi1pk: partition.byUser(visit.user),
        gsi1sk: `B#${cookieHash}`,
      };
      const TransactItems = [{ Put: { TableName, Item } }, signInWrite(TableName, visit.user, visit.sealedName, now)];
      await callTable(dynamodb.transactWrite({ TransactItems }));
    },
  };
}
