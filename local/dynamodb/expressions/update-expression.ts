import { type AttributeType, type AttributeValue, isSetType, longTypeNames, typeOf } from '../attribute-value.ts';
import { checkDistinctPaths, type DocumentPath } from './document-path.ts';
import { ExpressionError } from './expression-error.ts';
import { checkOperandCount, ExpressionParser } from './expression-parser.ts';
import type { ExpressionPlaceholders } from './expression-placeholders.ts';

export type UpdateOperand =
  | { kind: 'path'; path: DocumentPath }
  | { kind: 'value'; value: AttributeValue }
  | { kind: 'plus' | 'minus'; left: UpdateOperand; right: UpdateOperand }
  | { kind: 'if_not_exists'; path: DocumentPath; otherwise: UpdateOperand }
  | { kind: 'list_append'; left: UpdateOperand; right: UpdateOperand };

export type UpdateAction =
  | { kind: 'set'; path: DocumentPath; expression: UpdateOperand }
  | { kind: 'remove'; path: DocumentPath }
  | { kind: 'add' | 'delete'; path: DocumentPath; value: AttributeValue };

const clauses = ['SET', 'REMOVE', 'ADD', 'DELETE'] as const;
type Clause = (typeof clauses)[number];

/**
 * An update expression: each clause once, in any order.
 *
 *     SET    path = sum, …       sum     = operand [ ( + / - ) operand ]
 *     REMOVE path, …             operand = ( sum ) / path / :value / if_not_exists(path, operand)
 *     ADD    path :value, …                / list_append(operand, operand)
 *     DELETE path :value, …
 *
 * @throws ExpressionError
 */
export function parseUpdate(expression: string, placeholders: ExpressionPlaceholders): UpdateAction[] {
  const parser = new UpdateParser(expression, placeholders);
  const actions = parser.parseWhole(() => parser.parseClauses());
  checkDistinctPaths(actions.map(({ path }) => path));
  return actions;
}

class UpdateParser extends ExpressionParser {
  parseClauses(): UpdateAction[] {
    const actions: UpdateAction[] = [];
    const seen = new Set<Clause>();
    for (let clause = this.#acceptClause(); clause; clause = this.#acceptClause()) {
      if (seen.has(clause)) {
        throw new ExpressionError(`The "${clause}" section can only be used once in an update expression;`);
      }
      seen.add(clause);
      const current = clause;
      actions.push(...this.parseList(() => this.#parseAction(current)));
    }
    if (seen.size === 0) throw this.syntaxError();
    return actions;
  }

  #acceptClause(): Clause | undefined {
    return clauses.find((clause) => this.acceptKeyword(clause));
  }

  #parseAction(clause: Clause): UpdateAction {
    this.countOperator();
    const path = this.parsePath();
    switch (clause) {
      case 'SET':
        this.expect('=');
        return { kind: 'set', path, expression: this.#parseSum() };
      case 'REMOVE':
        return { kind: 'remove', path };
      case 'ADD':
      case 'DELETE': {
        const value = this.parseValue();
        checkChange(clause, typeOf(value));
        return { kind: clause === 'ADD' ? 'add' : 'delete', path, value };
      }
    }
  }

  #parseSum(): UpdateOperand {
    const left = this.#parseOperand();
    const operator = this.acceptOneOf(['+', '-']);
    if (!operator) return left;
    this.countOperator();
    const right = this.#parseOperand();
    checkOperandTypes(operator, [left, right], 'N');
    return { kind: operator === '+' ? 'plus' : 'minus', left, right };
  }

  #parseOperand(): UpdateOperand {
    if (this.isAtFunction()) return this.#parseFunction();
    if (this.isAtValue()) return { kind: 'value', value: this.parseValue() };
    if (!this.accept('(')) return { kind: 'path', path: this.parsePath() };
    this.countOperator();
    const inner = this.#parseSum();
    this.expect(')');
    return inner;
  }

  #parseFunction(): UpdateOperand {
    const { name, operands } = this.parseFunction(() => this.#parseSum());
    if (name !== 'if_not_exists' && name !== 'list_append') {
      throw new ExpressionError(`Invalid function name; function: ${name}`);
    }
    checkOperandCount(name, operands, 2);
    const [first, second] = operands as [UpdateOperand, UpdateOperand];
    if (name === 'list_append') {
      checkOperandTypes(name, operands, 'L');
      return { kind: name, left: first, right: second };
    }
    if (first.kind !== 'path') {
      throw new ExpressionError(`Operator or function requires a document path; operator or function: ${name}`);
    }
    return { kind: name, path: first.path, otherwise: second };
  }
}

function checkChange(clause: 'ADD' | 'DELETE', type: AttributeType): void {
  if (isSetType(type) || (clause === 'ADD' && type === 'N')) return;
  throw new ExpressionError(
    `Incorrect operand type for operator or function; operator: ${clause}, operand type: ${longTypeNames[type]}`,
  );
}

function checkOperandTypes(operator: string, operands: UpdateOperand[], wanted: AttributeType): void {
  for (const operand of operands) {
    if (operand.kind !== 'value' || typeOf(operand.value) === wanted) continue;
    throw new ExpressionError(
      'Incorrect operand type for operator or function; ' +
        `operator or function: ${operator}, operand type: ${typeOf(operand.value)}`,
    );
  }
}

/** The type that an action gives to a whole attribute, where the expression alone tells. */
export function typeSetBy(action: UpdateAction): AttributeType | undefined {
  if (action.path.length > 1 || action.kind !== 'set') return undefined;
  return action.expression.kind === 'value' ? typeOf(action.expression.value) : undefined;
}
