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
 * What the adapters ask of DynamoDB: an operation a method, items as plain values, and names as in the API (Amazon
 * DynamoDB API Reference, 2012-08-10). Attributes of items that are undefined are left out; numbers that a double cannot
 * hold exactly are refused in both directions.
 *
 * All throw `TableError` for what DynamoDB answers, and anything else when there is no answer. A request that may have
 * better luck the next time has been tried again, and a transaction has the same effect however often it is sent.
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

/** An error that DynamoDB has answered with. */
export class TableError extends Error {
  /** As DynamoDB has it: `ConditionalCheckFailedException`. */
  override readonly name: string;
  /** Of the HTTP answer. */
  readonly status: number;
  /** Of a transaction that was cancelled, a code for each of its parts: `None`, `ConditionalCheckFailed`. */
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
