import { DeleteCommand, GetCommand } from '@aws-sdk/lib-dynamodb';
import type { Visit, VisitStore } from '../../core/visit.ts';
import { ALONE, domain, partition, reaching, type Table } from './table.ts';

export function dynamoVisitStore({ client: dynamodb, name: TableName }: Table): VisitStore {
  const keyOf = (cookieHash: string) => ({ pk: partition.visit(cookieHash), sk: ALONE });
  return {
    async findVisit(cookieHash) {
      const read = new GetCommand({ TableName, Key: keyOf(cookieHash), ConsistentRead: true });
      const { Item } = await reaching(dynamodb.send(read));
      return Item && domain<Visit>(Item);
    },

    async endVisit(cookieHash) {
      await reaching(dynamodb.send(new DeleteCommand({ TableName, Key: keyOf(cookieHash) })));
    },
  };
}
