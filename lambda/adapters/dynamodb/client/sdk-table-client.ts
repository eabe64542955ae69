import { randomUUID } from 'node:crypto';
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
import { retryRequests, type Sleep } from '../../../shared/request-retries.ts';
import { type TableClient, TableError } from './table-client.ts';

/** With the function's own credentials. */
export const openTableClient = (): TableClient =>
  sdkTableClient(new DynamoDBClient({ maxAttempts: 3, requestHandler }));

/** Adapts a client of the AWS SDK. @param sleep of the pauses between attempts. @default - a timer */
export function sdkTableClient(dynamodb: DynamoDBClient, sleep?: Sleep): TableClient {
  const client = DynamoDBDocumentClient.from(dynamodb, { marshallOptions: { removeUndefinedValues: true } });
  // The SDK repeats a request whose response was lost, and a throttled one, but not one that met a transaction.
  const retryConflicts = retryRequests(['conflict'], sleep);
  const send = <T>(request: () => Promise<T>) => retryConflicts(() => mapErrors(request()));
  return {
    get: (input) => send(() => client.send(new GetCommand(input))),
    put: (input) => send(() => client.send(new PutCommand(input))),
    update: (input) => send(() => client.send(new UpdateCommand(input))),
    delete: (input) => send(() => client.send(new DeleteCommand(input))),
    query: (input) => send(() => client.send(new QueryCommand(input))),
    batchGet: (input) => send(() => client.send(new BatchGetCommand(input))),
    transactWrite(input) {
      const tokenized = { ...input, ClientRequestToken: randomUUID() };
      return send(() => client.send(new TransactWriteCommand(tokenized)));
    },
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
