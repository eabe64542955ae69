import type { Visit, VisitStore } from '../../core/dashboard/dashboard-session.ts';
import { ALONE, domain, partition, reaching, type Table } from './table-connection.ts';

export function dynamoVisitStore({ client: dynamodb, name: TableName }: Table): VisitStore {
  const keyOf = (cookieHash: string) => ({ pk: partition.visit(cookieHash), sk: ALONE });
  return {
    async findVisit(cookieHash) {
      const { Item } = await reaching(dynamodb.get({ TableName, Key: keyOf(cookieHash), ConsistentRead: true }));
      return Item && domain<Visit>(Item);
    },

    async endVisit(cookieHash) {
      await reaching(dynamodb.delete({ TableName, Key: keyOf(cookieHash) }));
    },
  };
}
