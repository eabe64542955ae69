import { DynamoDBClient, DynamoDBServiceException, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { requestHandler } from '../../shared/aws-client-timeouts.ts';
import { type TableClient, TableError } from './table-client.ts';

/** With the function's own credentials. */
export const openTableClient = (): TableClient =>
  sdkTableClient(new DynamoDBClient({ maxAttempts: 3, requestHandler }));

/** The AWS SDK's client, as it was configured by whoever made it. */
export function sdkTableClient(dynamodb: DynamoDBClient): TableClient {
  const client = DynamoDBDocumentClient.from(dynamodb, { marshallOptions: { removeUndefinedValues: true } });
  return {
    get: (input) => told(client.send(new GetCommand(input))),
    put: (input) => told(client.send(new PutCommand(input))),
    update: (input) => told(client.send(new UpdateCommand(input))),
    delete: (input) => told(client.send(new DeleteCommand(input))),
    query: (input) => told(client.send(new QueryCommand(input))),
    batchGet: (input) => told(client.send(new BatchGetCommand(input))),
    transactWrite: (input) => told(client.send(new TransactWriteCommand(input))),
  };
}

/** Anything but an answer of DynamoDB's passes as it is. */
async function told<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof DynamoDBServiceException)) throw error;
    const { name, message, $metadata } = error;
    const reasons = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : [];
    const status = $metadata.httpStatusCode ?? 500;
    throw new TableError(
      { name, message, status, reasons: reasons.map(({ Code = 'None' }) => Code) },
      { cause: error },
    );
  }
}
