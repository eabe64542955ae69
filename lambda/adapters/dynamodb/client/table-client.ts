import type {
  BatchGetCommandInput,
  BatchGetCommandOutput,
  DeleteCommandInput,
  DeleteCommandOutput,
  GetCommandInput,
  GetCommandOutput,
  PutCommandInput,
  QueryCommandInput,
  QueryCommandOutput,
  TransactWriteCommandInput,
  UpdateCommandInput,
  UpdateCommandOutput,
} from '@aws-sdk/lib-dynamodb';

type Conditional = 'ConditionExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues';

export type GetInput = Pick<GetCommandInput, 'TableName' | 'Key' | 'ConsistentRead'>;
export type PutInput = Pick<PutCommandInput, 'TableName' | 'Item' | Conditional>;
export type UpdateInput = Pick<
  UpdateCommandInput,
  'TableName' | 'Key' | 'UpdateExpression' | 'ReturnValues' | Conditional
>;
export type DeleteInput = Pick<DeleteCommandInput, 'TableName' | 'Key' | 'ReturnValues' | Conditional>;
export type QueryInput = Pick<
  QueryCommandInput,
  | 'TableName'
  | 'IndexName'
  | 'KeyConditionExpression'
  | 'ExpressionAttributeNames'
  | 'ExpressionAttributeValues'
  | 'ExclusiveStartKey'
  | 'Limit'
  | 'ScanIndexForward'
  | 'ConsistentRead'
>;
export type BatchGetInput = Pick<BatchGetCommandInput, 'RequestItems'>;
export type TransactWriteInput = Pick<TransactWriteCommandInput, 'TransactItems'>;

/**
 * The operations of DynamoDB that the adapters use: items as plain values, names as in the API (Amazon DynamoDB API
 * Reference, 2012-08-10). Undefined attributes are omitted; a number that a double cannot represent exactly is rejected in
 * both directions.
 *
 * All throw `TableError` for an error that DynamoDB returns, and another error without a response. Transient errors
 * have been retried; a transaction takes effect once however often it is sent.
 */
export type TableClient = {
  get(input: GetInput): Promise<Pick<GetCommandOutput, 'Item'>>;
  put(input: PutInput): Promise<unknown>;
  update(input: UpdateInput): Promise<Pick<UpdateCommandOutput, 'Attributes'>>;
  delete(input: DeleteInput): Promise<Pick<DeleteCommandOutput, 'Attributes'>>;
  query(input: QueryInput): Promise<Pick<QueryCommandOutput, 'Items' | 'LastEvaluatedKey'>>;
  batchGet(input: BatchGetInput): Promise<Pick<BatchGetCommandOutput, 'Responses' | 'UnprocessedKeys'>>;
  transactWrite(input: TransactWriteInput): Promise<unknown>;
};

/** An error that DynamoDB returns. */
export class TableError extends Error {
  /** DynamoDB's name: `ConditionalCheckFailedException`. */
  override readonly name: string;
  /** Of the HTTP response. */
  readonly status: number;
  /** Of a cancelled transaction, a code for each of its items: `None`, `ConditionalCheckFailed`. */
  readonly reasons: readonly string[];

  constructor(
    { name, message, status, reasons = [] }: { name: string; message: string; status: number; reasons?: string[] },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = name;
    this.status = status;
    this.reasons = reasons;
  }
}
