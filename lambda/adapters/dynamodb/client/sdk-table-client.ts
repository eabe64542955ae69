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
import { requestHandler } from '../../../shared/aws-client-timeouts.ts';
import { type TableClient, TableError } from './table-client.ts';

/** With the function's own credentials. */
export const openTableClient = (): TableClient =>
  sdkTableClient(new DynamoDBClient({ maxAttempts: 3, requestHandler }));

/** Adapts a client of the AWS SDK. */
export function sdkTableClient(dynamodb: DynamoDBClient): TableClient {
  const client = DynamoDBDocumentClient.from(dynamodb, { marshallOptions: { removeUndefinedValues: true } });
  return {
    get: (input) => mapErrors(client.send(new GetCommand(input))),
    put: (input) => mapErrors(client.send(new PutCommand(input))),
    update: (input) => mapErrors(client.send(new UpdateCommand(input))),
    delete: (input) => mapErrors(client.send(new DeleteCommand(input))),
    query: (input) => mapErrors(client.send(new QueryCommand(input))),
    batchGet: (input) => mapErrors(client.send(new BatchGetCommand(input))),
    transactWrite: (input) => mapErrors(client.send(new TransactWriteCommand(input))),
  };
}

/** Errors that are no response of DynamoDB pass unchanged. */
async function mapErrors<T>(request: Promise<T>): Promise<T> {
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
