import { isDeepStrictEqual } from 'node:util';
import { AwsError, type Json } from '../aws-api/aws-error.ts';
import { type DataOperation, type ParsedRequest, parse, perform } from './dynamodb-engine.ts';
import type { Store } from './dynamodb-store.ts';

/** DynamoDB's limit of items in one transaction. */
const maxItems = 100;

/** How long DynamoDB remembers a ClientRequestToken. */
const tokenLifetimeMs = 10 * 60_000;

const operationOf: Record<string, DataOperation> = {
  ConditionCheck: 'ConditionCheckItem',
  Delete: 'DeleteItem',
  Get: 'GetItem',
  Put: 'PutItem',
  Update: 'UpdateItem',
};

type Reason = { Code: string; Message?: string; Item?: unknown };

/**
 * The parts of a TransactWriteItems or TransactGetItems request, in order.
 *
 * @param kinds the members that an element of `TransactItems` may have; exactly one of them
 * @throws AwsError ValidationException
 */
export function transactionParts(
  input: Json,
  kinds: ('ConditionCheck' | 'Delete' | 'Get' | 'Put' | 'Update')[],
): ParsedRequest[] {
  const items = input.TransactItems;
  if (!Array.isArray(items) || items.length < 1 || items.length > maxItems) {
    throw new AwsError(
      'ValidationException',
      `1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length between 1 and ${maxItems}, inclusive`,
    );
  }
  return items.map((item: Record<string, Json>) => {
    const [kind, ...others] = kinds.filter((each) => item?.[each]);
    if (!kind || others.length > 0) {
      throw new AwsError('ValidationException', `TransactItems can only contain one of ${kinds.join(', ')}`);
    }
    if (kind === 'ConditionCheck' && !item[kind]!.ConditionExpression) {
      throw new AwsError(
        'ValidationException',
        'The expression can not be empty; ConditionCheck requires a ConditionExpression',
      );
    }
    return parse(operationOf[kind]!, item[kind]!);
  });
}

/**
 * Does all parts or none.
 *
 * @throws AwsError TransactionCanceledException with a reason per part, in order; ValidationException when two parts
 * write one item; ResourceNotFoundException
 */
export function transactWrite(store: Store, parts: ParsedRequest[]): void {
  refuseDuplicates(store, parts);
  store.atomically(() => performAll(store, parts));
}

/** @returns the items in the order of the parts, `{}` for one that does not exist */
export function transactGet(store: Store, parts: ParsedRequest[]): object[] {
  refuseDuplicates(store, parts);
  return performAll(store, parts);
}

/** Remembers finished transactions by their ClientRequestToken, so that a repetition changes nothing. Forgotten at restart. */
export class RequestTokens {
  readonly #finished = new Map<string, { input: Json; expiresAt: number }>();
  readonly #now: () => number;

  /** @param now epoch milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Runs `work` unless the request with this token has been done. @throws AwsError IdempotentParameterMismatchException */
  once(input: Json, work: () => void): void {
    for (const [token, { expiresAt }] of this.#finished) if (expiresAt <= this.#now()) this.#finished.delete(token);
    const token = input.ClientRequestToken;
    const earlier = typeof token === 'string' ? this.#finished.get(token) : undefined;
    if (!earlier) {
      work();
      if (typeof token === 'string') this.#finished.set(token, { input, expiresAt: this.#now() + tokenLifetimeMs });
    } else if (!isDeepStrictEqual(earlier.input, input)) {
      throw new AwsError(
        'IdempotentParameterMismatchException',
        'The request uses the same client token as a previous, but non-identical request. Do not reuse a client token with different requests, unless the requests are identical',
      );
    }
  }
}

/** Every part is tried even after one has failed: the client receives all reasons. */
function performAll(store: Store, parts: ParsedRequest[]): object[] {
  const answers: object[] = [];
  const reasons = parts.map((part): Reason => {
    try {
      answers.push(perform(store, part));
      return { Code: 'None' };
    } catch (error) {
      return reasonOf(error);
    }
  });
  if (answers.length === parts.length) return answers;
  const codes = reasons.map(({ Code }) => Code).join(', ');
  throw new AwsError(
    'TransactionCanceledException',
    `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`,
    { details: { CancellationReasons: reasons } },
  );
}

function reasonOf(error: unknown): Reason {
  if (!(error instanceof AwsError)) throw error;
  switch (error.code) {
    case 'ConditionalCheckFailedException':
      return { Code: 'ConditionalCheckFailed', Message: error.message, ...error.details };
    case 'ValidationException':
      return { Code: 'ValidationError', Message: error.message };
    default:
      throw error;
  }
}

function refuseDuplicates(store: Store, parts: ParsedRequest[]): void {
  const seen = new Set<string>();
  for (const { data } of parts) {
    const key = store.keyOf(data.TableName!, data.Key ?? data.Item!);
    // A key that does not fit its table is one of the reasons of `performAll`.
    if (key === undefined) continue;
    const place = `${data.TableName}~${key}`;
    if (seen.has(place)) {
      throw new AwsError('ValidationException', 'Transaction request cannot include multiple operations on one item');
    }
    seen.add(place);
  }
}
