import type { DashboardSession, DashboardSessionStore } from '../../core/dashboard/dashboard-session.ts';
import { callTable, partition, SINGLE, type TableConnection, toDomain } from './table-connection.ts';

export function dynamoDashboardSessionStore({
  client: dynamodb,
  name: TableName,
}: TableConnection): DashboardSessionStore {
  const keyOf = (cookieHash: string) => ({ pk: partition.dashboardSession(cookieHash), sk: SINGLE });
  return {
    async findDashboardSession(cookieHash) {
      const { Item } = await callTable(dynamodb.get({ TableName, Key: keyOf(cookieHash), ConsistentRead: true }));
      return Item && toDomain<DashboardSession>(Item);
    },

    async endDashboardSession(cookieHash) {
      await callTable(dynamodb.delete({ TableName, Key: keyOf(cookieHash) }));
    },
  };
}
