import type { AttributeValue } from '../attribute-value.ts';
import type { DocumentPath } from './document-path.ts';
import { ExpressionError } from './expression-error.ts';
import { syntaxError, type Token, tokensOf } from './expression-lexer.ts';
import type { ExpressionPlaceholders } from './expression-placeholders.ts';
import { isReservedWord } from './reserved-words.ts';

/** DynamoDB's limit of operators and functions in an expression. It also bounds the recursion of the parsers. */
const maxOperators = 300;

const maxPathDepth = 32;

/** The base of the parsers of all expressions: a position in the tokens, document paths and values. */
export class ExpressionParser {
  readonly #tokens: Token[];
  readonly #placeholders: ExpressionPlaceholders;
  #position = 0;
  #operators = 0;

  /** @throws ExpressionError */
  constructor(expression: string, placeholders: ExpressionPlaceholders) {
    this.#tokens = tokensOf(expression);
    this.#placeholders = placeholders;
  }

  /** A whole expression. @throws ExpressionError when something follows it */
  parseWhole<T>(parse: () => T): T {
    const parsed = parse();
    if (this.#next.type !== 'end') throw this.syntaxError();
    return parsed;
  }

  isAt(symbol: string): boolean {
    return this.#next.type === 'symbol' && this.#next.text === symbol;
  }

  isAtValue(): boolean {
    return this.#next.type === 'value';
  }

  /** Keywords are identifiers in any case. */
  isAtKeyword(keyword: string): boolean {
    return this.#next.type === 'identifier' && this.#next.text.toUpperCase() === keyword;
  }

  isAtFunction(): boolean {
    const following = this.#tokens[this.#position + 1];
    return this.#next.type === 'identifier' && following?.type === 'symbol' && following.text === '(';
  }

  accept(symbol: string): boolean {
    const isThere = this.isAt(symbol);
    if (isThere) this.#position++;
    return isThere;
  }

  /** @returns which of the symbols was next, or nothing */
  acceptOneOf(symbols: readonly string[]): string | undefined {
    return symbols.find((symbol) => this.accept(symbol));
  }

  acceptKeyword(keyword: string): boolean {
    const isThere = this.isAtKeyword(keyword);
    if (isThere) this.#position++;
    return isThere;
  }

  expect(symbol: string): void {
    if (!this.accept(symbol)) throw this.syntaxError();
  }

  expectKeyword(keyword: string): void {
    if (!this.acceptKeyword(keyword)) throw this.syntaxError();
  }

  /** Elements with commas in between, one at least. */
  parseList<T>(parseElement: () => T): T[] {
    const elements = [parseElement()];
    while (this.accept(',')) elements.push(parseElement());
    return elements;
  }

  /** The name of a function and its operands, from the name to the closing parenthesis. */
  parseFunction<T>(parseOperand: () => T): { name: string; operands: T[] } {
    this.countOperator();
    const name = this.#take().text;
    this.expect('(');
    const operands = this.isAt(')') ? [] : this.parseList(parseOperand);
    this.expect(')');
    return { name, operands };
  }

  parsePath(): DocumentPath {
    const path: DocumentPath = [this.#attributeName()];
    for (;;) {
      if (this.accept('.')) path.push(this.#attributeName());
      else if (this.accept('[')) path.push(this.#index());
      else break;
    }
    if (path.length > maxPathDepth) {
      throw new ExpressionError(`The document path has too many nesting elements; nesting elements: ${path.length}`);
    }
    return path;
  }

  parseValue(): AttributeValue {
    if (!this.isAtValue()) throw this.syntaxError();
    return this.#placeholders.value(this.#take().text);
  }

  /** To be called for each operator, function and parenthesis. */
  countOperator(): void {
    this.#operators++;
    if (this.#operators > maxOperators) {
      throw new ExpressionError(`The expression contains too many operators; operator count: ${this.#operators}`);
    }
  }

  /** An error about the next token. */
  syntaxError(): ExpressionError {
    const near = this.#tokens
      .slice(Math.max(0, this.#position - 1), this.#position + 2)
      .map(({ text }) => text)
      .join(' ')
      .trim();
    return new ExpressionError(syntaxError(this.#next.type === 'end' ? '<EOF>' : this.#next.text, near));
  }

  get #next(): Token {
    return this.#tokens[this.#position]!;
  }

  #take(): Token {
    const token = this.#next;
    this.#position++;
    return token;
  }

  #attributeName(): string {
    const { type, text } = this.#next;
    if (type !== 'identifier' && type !== 'name') throw this.syntaxError();
    this.#position++;
    if (type === 'name') return this.#placeholders.name(text);
    if (isReservedWord(text)) {
      throw new ExpressionError(`Attribute name is a reserved keyword; reserved keyword: ${text}`);
    }
    return text;
  }

  #index(): number {
    if (this.#next.type !== 'index') throw this.syntaxError();
    const index = Number(this.#take().text);
    this.expect(']');
    return index;
  }
}

/** @throws ExpressionError */
export function checkOperandCount(name: string, operands: unknown[], count: number): void {
  if (operands.length === count) return;
  throw new ExpressionError(
    'Incorrect number of operands for operator or function; ' +
      `operator or function: ${name}, number of operands: ${operands.length}`,
  );
}
