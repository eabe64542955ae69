import { ExpressionError } from '../expressions/expression-error.ts';
import { ExpressionPlaceholders } from '../expressions/expression-placeholders.ts';
import type { RequestReader } from '../request-reader.ts';
import { validationError } from '../validation-error.ts';

export type ExpressionParameter =
  | 'ConditionExpression'
  | 'FilterExpression'
  | 'KeyConditionExpression'
  | 'ProjectionExpression'
  | 'UpdateExpression';

/** Expressions replace them; nothing of Holdfast sends them. */
const legacyParameters = [
  'AttributesToGet',
  'AttributeUpdates',
  'ConditionalOperator',
  'Expected',
  'KeyConditions',
  'QueryFilter',
  'ScanFilter',
];

/** The expressions of one request, which share their names and values. */
export class RequestExpressions {
  readonly #texts: Map<ExpressionParameter, string | undefined>;
  readonly #names: Map<string, string> | undefined;
  readonly #values: ReturnType<RequestReader['item']>;
  #placeholders: ExpressionPlaceholders | undefined;

  /** @param parameters the expressions that the operation takes */
  constructor(reader: RequestReader, parameters: ExpressionParameter[]) {
    const legacy = legacyParameters.find((parameter) => reader.has(parameter));
    if (legacy) {
      throw validationError(`${legacy} is a legacy parameter, which is not supported locally. Use an expression.`);
    }
    this.#texts = new Map(parameters.map((parameter) => [parameter, reader.string(parameter)]));
    this.#names = reader.stringMap('ExpressionAttributeNames');
    this.#values = reader.item('ExpressionAttributeValues');
  }

  /** @throws AwsError ValidationException */
  parse<T>(
    parameter: ExpressionParameter,
    parser: (expression: string, placeholders: ExpressionPlaceholders) => T,
  ): T | undefined {
    this.#placeholders ??= this.#checkedPlaceholders();
    const text = this.#texts.get(parameter);
    if (text === undefined) return undefined;
    try {
      return parser(text, this.#placeholders);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      throw validationError(`Invalid ${parameter}: ${error.message}`);
    }
  }

  /** To be called when all expressions are parsed. @throws AwsError ValidationException when a placeholder is not used */
  finish(): void {
    this.#placeholders?.checkAllUsed();
  }

  #checkedPlaceholders(): ExpressionPlaceholders {
    const given = [...this.#texts].filter(([, text]) => text !== undefined);
    if (this.#names && given.length === 0) {
      throw validationError('ExpressionAttributeNames can only be specified when using expressions');
    }
    const withValues = [...this.#texts.keys()].filter((parameter) => parameter !== 'ProjectionExpression');
    if (this.#values && withValues.every((parameter) => this.#texts.get(parameter) === undefined)) {
      const areNull = `${withValues.join(' and ')} ${withValues.length > 1 ? 'are' : 'is'} null`;
      throw validationError(`ExpressionAttributeValues can only be specified when using expressions: ${areNull}`);
    }
    return new ExpressionPlaceholders(this.#names, this.#values);
  }
}
