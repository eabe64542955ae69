import type { AwsEnvironment } from '../aws-api/aws-environment.ts';
import type { AccessRequest } from '../iam/iam-policy.ts';
import { attributeOf, type Item } from './attribute-value.ts';
import type { ParsedRequest } from './dynamodb-engine.ts';
import type { TableDefinition } from './table-definition.ts';

/**
 * The checks of IAM before a request to DynamoDB: action, ARN of the table or index, and the partition keys that the
 * request names, as `dynamodb:LeadingKeys`. A scan names none, so a policy that limits keys by `ForAllValues` does not
 * stop a scan that it allows: as on AWS. The other condition keys of DynamoDB (`Attributes`, `Select`, …) are not
 * derived.
 */
export function accessOf(
  { operation, data }: ParsedRequest,
  environment: AwsEnvironment,
  definitionOf: (tableName: string) => TableDefinition | undefined,
): AccessRequest[] {
  const action = `dynamodb:${operation}`;
  const access = (tableName: string, keys: (Item | undefined)[], indexName?: string): AccessRequest => {
    const keySchema = keySchemaOf(definitionOf(tableName), indexName);
    const partitionKey = keySchema?.find(({ KeyType }) => KeyType === 'HASH')?.AttributeName ?? '';
    const values = new Set(
      keys.flatMap((key) => Object.values((key && attributeOf(key, partitionKey)) ?? {}).map(String)),
    );
    return {
      action,
      resource: environment.arn(
        'dynamodb',
        `table/${tableName}${indexName === undefined ? '' : `/index/${indexName}`}`,
      ),
      context: values.size > 0 ? { 'dynamodb:LeadingKeys': [...values] } : {},
    };
  };

  switch (operation) {
    case 'BatchGetItem':
      return Object.entries(data.RequestItems as Record<string, { Keys: Item[] }>).map(([table, { Keys }]) =>
        access(table, Keys),
      );
    case 'BatchWriteItem': {
      type Write = { PutRequest?: { Item: Item }; DeleteRequest?: { Key: Item } };
      return Object.entries(data.RequestItems as Record<string, Write[]>).map(([table, writes]) =>
        access(
          table,
          writes.map((write) => write.PutRequest?.Item ?? write.DeleteRequest?.Key),
        ),
      );
    }
    case 'Query': {
      const conditions = Object.entries(data.KeyConditions!);
      const key = Object.fromEntries(
        conditions.map(([name, { AttributeValueList }]) => [name, AttributeValueList[0] ?? {}]),
      );
      return [access(data.TableName!, [key], data.IndexName)];
    }
    case 'Scan':
      return [access(data.TableName!, [], data.IndexName)];
    default:
      return [access(data.TableName!, [data.Key ?? data.Item])];
  }
}

/**
 * The value of `dynamodb:LeadingKeys` for a part of a transaction: the key of the part, no key, or the keys of all parts.
 * AWS documents the permissions of transactions by action only, so tests run under each reading.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
 */
export type LeadingKeysReading = 'per-part' | 'absent' | 'aggregated';

/** The checks of IAM before a transaction. @param parts the checks of its parts */
export function transactionAccess(parts: AccessRequest[], reading: LeadingKeysReading): AccessRequest[] {
  if (reading === 'per-part') return parts;
  if (reading === 'absent') return parts.map((part) => ({ ...part, context: {} }));
  const keys = [...new Set(parts.flatMap(({ context }) => context['dynamodb:LeadingKeys'] ?? []))];
  return parts.map((part) => ({ ...part, context: { 'dynamodb:LeadingKeys': keys } }));
}

function keySchemaOf(definition: TableDefinition | undefined, indexName: string | undefined) {
  if (indexName === undefined) return definition?.KeySchema;
  const indexes = [...(definition?.GlobalSecondaryIndexes ?? []), ...(definition?.LocalSecondaryIndexes ?? [])];
  return indexes.find(({ IndexName }) => IndexName === indexName)?.KeySchema;
}
