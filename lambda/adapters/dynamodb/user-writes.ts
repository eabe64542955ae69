import type { DashboardSessionStarter } from '../../core/dashboard/dashboard-session.ts';
import * as itemType from '../../shared/item-types.ts';
import { byUserPrefix } from '../../shared/table-keys.ts';
import { completionWrite } from './flow-store.ts';
import { partition, recentPartitionOf, SINGLE, type TableConnection, writeOnce } from './table-connection.ts';

/** Of a user after the last sign-in: longer than the lifetime of a grant and the retention of its calls. */
const USER_SECONDS = 400 * 24 * 3600;

/**
 * The write of a user's sign-in, for the transaction of what the sign-in creates.
 *
 * @param sealedName undefined deletes the stored name, null leaves it as it is
 */
export const signInWrite = (TableName: string, user: string, sealedName: string | undefined | null, now: number) => ({
  Update: {
    TableName,
    Key: { pk: partition.user(user), sk: SINGLE },
    UpdateExpression: `SET #type = :type, #user = :user, firstSignInAt = if_not_exists(firstSignInAt, :now), lastSignInAt = :now, #ttl = :ttl, gsi2pk = :list, gsi2sk = :time${sealedName ? ', sealedName = :name' : sealedName === null ? '' : ' REMOVE sealedName'}`,
    ExpressionAttributeNames: { '#type': 'type', '#user': 'user', '#ttl': 'ttl' },
    ExpressionAttributeValues: {
      ':type': itemType.user,
      ':user': user,
      ':now': now,
      ':ttl': now + USER_SECONDS,
      ':list': recentPartitionOf.users(user),
      ':time': `${now}#${user}`,
      ...(sealedName && { ':name': sealedName }),
    },
  },
});

export function dynamoDashboardSessionStarter(table: TableConnection): DashboardSessionStarter {
  const TableName = table.name;
  return {
    startDashboardSession(cookieHash, session, now, stateHash) {
      const Item = {
        pk: partition.dashboardSession(cookieHash),
        sk: SINGLE,
        type: itemType.dashboardSession,
        ...session,
        ttl: session.expiresAt,
        gsi1pk: partition.byUser(session.user),
        gsi1sk: `${byUserPrefix.dashboardSessions}${cookieHash}`,
      };
      return writeOnce(
        table,
        ...(stateHash === undefined ? [] : [completionWrite(TableName, stateHash, now)]),
        { Put: { TableName, Item } },
        signInWrite(TableName, session.user, session.sealedName, now),
      );
    },
  };
}
