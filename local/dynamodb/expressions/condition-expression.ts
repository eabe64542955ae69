import { type AttributeType, type AttributeValue, attributeTypes, compareValues, typeOf } from '../attribute-value.ts';
import { type DocumentPath, shownPath } from './document-path.ts';
import { ExpressionError } from './expression-error.ts';
import { checkOperandCount, ExpressionParser } from './expression-parser.ts';
import type { ExpressionPlaceholders } from './expression-placeholders.ts';

export type Operand =
  | { kind: 'path'; path: DocumentPath }
  | { kind: 'value'; value: AttributeValue }
  | { kind: 'size'; of: Operand };

export const comparators = ['=', '<>', '<=', '>=', '<', '>'] as const;
export type Comparator = (typeof comparators)[number];

export type Condition =
  | { kind: 'and' | 'or'; left: Condition; right: Condition }
  | { kind: 'not'; condition: Condition }
  | { kind: 'compare'; comparator: Comparator; left: Operand; right: Operand }
  | { kind: 'between'; operand: Operand; lower: Operand; upper: Operand }
  | { kind: 'in'; operand: Operand; candidates: Operand[] }
  | { kind: 'function'; name: ConditionFunction; operands: Operand[] };

/** The functions that are conditions, and how many operands each of them takes. */
const functions = {
  attribute_exists: 1,
  attribute_not_exists: 1,
  attribute_type: 2,
  begins_with: 2,
  contains: 2,
};
export type ConditionFunction = keyof typeof functions;

/** DynamoDB's limit of operands of IN. */
const maxCandidates = 100;

/** The types that have an order. */
const orderedTypes: AttributeType[] = ['S', 'N', 'B'];

/**
 * A condition, filter or key condition expression.
 *
 *     or         = and *( OR and )
 *     and        = not *( AND not )
 *     not        = NOT not / comparison
 *     comparison = unit [ comparator operand / BETWEEN operand AND operand / IN ( operand, … ) ]
 *     unit       = ( or ) / function / operand
 *     operand    = ( operand ) / path / :value / size( operand )
 *
 * @throws ExpressionError
 */
export function parseCondition(expression: string, placeholders: ExpressionPlaceholders): Condition {
  const parser = new ConditionParser(expression, placeholders);
  return parser.parseWhole(() => parser.parseCondition());
}

/** A parenthesis may hold a condition or an operand; which of them it is shows at its end. */
type Unit = { condition: Condition; isInParentheses?: boolean } | { operand: Operand; isInParentheses?: boolean };

class ConditionParser extends ExpressionParser {
  parseCondition(): Condition {
    return this.#asCondition(this.#parseOr());
  }

  #parseOr(): Unit {
    return this.#parseChain('or', () => this.#parseChain('and', () => this.#parseNot()));
  }

  #parseChain(kind: 'and' | 'or', parsePart: () => Unit): Unit {
    let unit = parsePart();
    while (this.acceptKeyword(kind.toUpperCase())) {
      this.countOperator();
      const left = this.#asCondition(unit);
      unit = { condition: { kind, left, right: this.#asCondition(parsePart()) } };
    }
    return unit;
  }

  #parseNot(): Unit {
    if (!this.acceptKeyword('NOT')) return this.#parseComparison();
    this.countOperator();
    return { condition: { kind: 'not', condition: this.#asCondition(this.#parseNot()) } };
  }

  #parseComparison(): Unit {
    const unit = this.#parseUnit();
    const comparator = this.acceptOneOf(comparators) as Comparator | undefined;
    if (comparator) return { condition: this.#parseComparator(asOperand(unit), comparator) };
    if (this.acceptKeyword('BETWEEN')) return { condition: this.#parseBetween(asOperand(unit)) };
    if (this.acceptKeyword('IN')) return { condition: this.#parseIn(asOperand(unit)) };
    return unit;
  }

  #parseComparator(left: Operand, comparator: Comparator): Condition {
    this.countOperator();
    const right = this.#parseOperand();
    checkDistinct(comparator, [left, right]);
    if (comparator !== '=' && comparator !== '<>') checkOrdered(comparator, [left, right]);
    return { kind: 'compare', comparator, left, right };
  }

  #parseBetween(operand: Operand): Condition {
    this.countOperator();
    const lower = this.#parseOperand();
    this.expectKeyword('AND');
    const upper = this.#parseOperand();
    checkOrdered('BETWEEN', [operand, lower, upper]);
    checkBounds(lower, upper);
    return { kind: 'between', operand, lower, upper };
  }

  #parseIn(operand: Operand): Condition {
    this.countOperator();
    this.expect('(');
    const candidates = this.parseList(() => this.#parseOperand());
    this.expect(')');
    if (candidates.length > maxCandidates) {
      throw new ExpressionError(
        `The IN operator is provided with too many operands; number of operands: ${candidates.length}`,
      );
    }
    return { kind: 'in', operand, candidates };
  }

  #parseOperand(): Operand {
    return asOperand(this.#parseUnit());
  }

  #parseUnit(): Unit {
    if (this.accept('(')) return this.#parseParentheses();
    if (this.isAtFunction()) return this.#parseFunction();
    if (this.isAtValue()) return { operand: { kind: 'value', value: this.parseValue() } };
    return { operand: { kind: 'path', path: this.parsePath() } };
  }

  #parseParentheses(): Unit {
    this.countOperator();
    const inner = this.#parseOr();
    this.expect(')');
    if (inner.isInParentheses) throw new ExpressionError('The expression has redundant parentheses;');
    return { ...inner, isInParentheses: true };
  }

  #parseFunction(): Unit {
    const { name, operands } = this.parseFunction(() => this.#parseOperand());
    if (name === 'size') {
      checkOperandCount(name, operands, 1);
      checkOperandTypes(name, operands, ['S', 'B', 'SS', 'NS', 'BS', 'L', 'M']);
      return { operand: { kind: 'size', of: operands[0]! } };
    }
    if (!isConditionFunction(name)) throw new ExpressionError(`Invalid function name; function: ${name}`);
    checkOperandCount(name, operands, functions[name]);
    checkDistinct(name, operands);
    checkOperandsOf(name, operands);
    return { condition: { kind: 'function', name, operands } };
  }

  #asCondition(unit: Unit): Condition {
    if ('condition' in unit) return unit.condition;
    if (unit.operand.kind === 'size') throw misusedFunction('size');
    throw this.syntaxError();
  }
}

function asOperand(unit: Unit): Operand {
  if ('operand' in unit) return unit.operand;
  if (unit.condition.kind === 'function') throw misusedFunction(unit.condition.name);
  throw new ExpressionError('Syntax error; a condition stands where an operand is expected');
}

const misusedFunction = (name: string) =>
  new ExpressionError(`The function is not allowed to be used this way in an expression; function: ${name}`);

const isConditionFunction = (name: string): name is ConditionFunction => Object.hasOwn(functions, name);

function checkOperandsOf(name: ConditionFunction, operands: Operand[]): void {
  switch (name) {
    case 'attribute_exists':
    case 'attribute_not_exists':
      if (operands[0]!.kind === 'path') return;
      throw new ExpressionError(`Operator or function requires a document path; operator or function: ${name}`);
    case 'attribute_type':
      checkTypeName(operands[1]!);
      return;
    case 'begins_with':
      checkOperandTypes(name, operands, ['S', 'B']);
      return;
    case 'contains':
      return;
  }
}

function checkTypeName(operand: Operand): void {
  const name = operand.kind === 'value' ? operand.value.S : undefined;
  if (name === undefined) {
    const shown = typeOfOperand(operand) ?? '{NS,SS,L,BS,N,M,B,BOOL,NULL,S}';
    throw incorrectType('operator or function: attribute_type', shown);
  }
  if (!(attributeTypes as readonly string[]).includes(name)) {
    throw new ExpressionError(
      `Invalid attribute type name found; type: ${name.slice(0, 60)}, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}`,
    );
  }
}

function checkOperandTypes(name: string, operands: Operand[], allowed: AttributeType[]): void {
  for (const operand of operands) {
    const type = typeOfOperand(operand);
    if (type && !allowed.includes(type)) throw incorrectType(`operator or function: ${name}`, type);
  }
}

function checkOrdered(operator: string, operands: Operand[]): void {
  for (const operand of operands) {
    const type = typeOfOperand(operand);
    if (type && !orderedTypes.includes(type)) throw incorrectType(`operator: ${operator}`, type);
  }
}

const incorrectType = (operator: string, type: string) =>
  new ExpressionError(`Incorrect operand type for operator or function; ${operator}, operand type: ${type}`);

/** The type of an operand that does not depend on the item. */
function typeOfOperand(operand: Operand): AttributeType | undefined {
  switch (operand.kind) {
    case 'value':
      return typeOf(operand.value);
    case 'size':
      return 'N';
    case 'path':
      return undefined;
  }
}

function checkDistinct(operator: string, [first, second]: Operand[]): void {
  if (first?.kind !== 'path' || second?.kind !== 'path' || shownPath(first.path) !== shownPath(second.path)) return;
  throw new ExpressionError(
    'The first operand must be distinct from the remaining operands for this operator or function; ' +
      `operator: ${operator}, first operand: ${shownPath(first.path)}`,
  );
}

function checkBounds(lower: Operand, upper: Operand): void {
  if (lower.kind !== 'value' || upper.kind !== 'value') return;
  const shown = ({ value }: { value: AttributeValue }) => {
    const type = typeOf(value);
    return `AttributeValue: {${type}:${String(value[type]).slice(0, 60)}}`;
  };
  const bounds = () => `lower bound operand: ${shown(lower)}, upper bound operand: ${shown(upper)}`;
  const order = compareValues(lower.value, upper.value);
  if (order === undefined) {
    throw new ExpressionError(`The BETWEEN operator requires same data type for lower and upper bounds; ${bounds()}`);
  }
  if (order > 0) {
    throw new ExpressionError(
      `The BETWEEN operator requires upper bound to be greater than or equal to lower bound; ${bounds()}`,
    );
  }
}

/** The attributes that a condition is about, each with its paths into it. */
export function pathsIn(condition: Condition): DocumentPath[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return [...pathsIn(condition.left), ...pathsIn(condition.right)];
    case 'not':
      return pathsIn(condition.condition);
    case 'compare':
      return [condition.left, condition.right].flatMap(pathsOf);
    case 'between':
      return [condition.operand, condition.lower, condition.upper].flatMap(pathsOf);
    case 'in':
      return [condition.operand, ...condition.candidates].flatMap(pathsOf);
    case 'function':
      return condition.operands.flatMap(pathsOf);
  }
}

function pathsOf(operand: Operand): DocumentPath[] {
  switch (operand.kind) {
    case 'path':
      return [operand.path];
    case 'value':
      return [];
    case 'size':
      return pathsOf(operand.of);
  }
}
