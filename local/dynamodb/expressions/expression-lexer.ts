import { ExpressionError } from './expression-error.ts';

export type TokenType =
  | 'identifier'
  /** `#name` */
  | 'name'
  /** `:value` */
  | 'value'
  | 'index'
  | 'symbol'
  | 'end';

export type Token = { type: TokenType; text: string };

/** DynamoDB's limit of an expression, in bytes. */
const maxBytes = 4096;

/** One token and the white space before it. */
const pattern =
  /[ \t\r\n]*(?:(?<identifier>[A-Za-z_][A-Za-z0-9_]*)|(?<name>#[A-Za-z0-9_]+)|(?<value>:[A-Za-z0-9_]+)|(?<index>[0-9]+)|(?<symbol><>|<=|>=|[=<>()[\],.+-])|(?<end>$))/y;

/** @throws ExpressionError when the expression is empty or too long, or has a character that no expression has */
export function tokensOf(expression: string): Token[] {
  if (expression.trim() === '') throw new ExpressionError('The expression can not be empty;');
  const bytes = Buffer.byteLength(expression);
  if (bytes > maxBytes) {
    throw new ExpressionError(`Expression size has exceeded the maximum allowed size; expression size: ${bytes}`);
  }
  const tokens: Token[] = [];
  let position = 0;
  while (tokens.at(-1)?.type !== 'end') {
    pattern.lastIndex = position;
    const { groups } = pattern.exec(expression) ?? {};
    if (!groups) throw new ExpressionError(syntaxError(expression.slice(position).trimStart().slice(0, 1), expression));
    position = pattern.lastIndex;
    tokens.push(tokenOf(groups));
  }
  return tokens;
}

export function syntaxError(token: string, near: string): string {
  return `Syntax error; token: "${token}", near: "${near.slice(0, 60)}"`;
}

function tokenOf(groups: Record<string, string | undefined>): Token {
  for (const type in groups) {
    const text = groups[type];
    if (text !== undefined) return { type: type as TokenType, text };
  }
  throw new Error('The pattern of tokens has matched without a group.');
}
