import type { Visit, VisitStore } from '../../core/visit.ts';
import { ALONE, domain, partition, reaching, type Table } from './table.ts';

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
