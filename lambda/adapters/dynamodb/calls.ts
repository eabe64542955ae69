import { bucketOf, type CallWriter, callName } from '../../core/call.ts';
import { partition, reaching, spread, type Table } from './table.ts';

export function dynamoCallWriter({ client: dynamodb, name: TableName }: Table): CallWriter {
  return {
    async recordCall(call, expiresAt) {
      // What the keys say is not said twice: the item must fit into one write unit.
      const { id, at, session, ...rest } = call;
      const sk = callName(call);
      const Item = {
        pk: partition.calls(session),
        sk,
        type: 'call',
        ...rest,
        ttl: expiresAt,
        gsi2pk: spread.calls(bucketOf(call), id),
        gsi2sk: sk,
      };
      await reaching(dynamodb.put({ TableName, Item }));
    },
  };
}
