import type { AttributeValue } from '../attribute-value.ts';
import { type Comparator, type Condition, type Operand, parseCondition } from './condition-expression.ts';
import { ExpressionError } from './expression-error.ts';
import type { ExpressionPlaceholders } from './expression-placeholders.ts';

export type KeyComparison = 'EQ' | 'LT' | 'LE' | 'GT' | 'GE' | 'BEGINS_WITH' | 'BETWEEN';

/** A condition on one key, in the words of the parameter `KeyConditions`. */
export type KeyCondition = { ComparisonOperator: KeyComparison; AttributeValueList: AttributeValue[] };

const comparisons: Partial<Record<Comparator, KeyComparison>> = {
  '=': 'EQ',
  '<': 'LT',
  '<=': 'LE',
  '>': 'GT',
  '>=': 'GE',
};

/** The comparison that says the same when its operands change places. */
const mirrored: Partial<Record<KeyComparison, KeyComparison>> = { EQ: 'EQ', LT: 'GT', LE: 'GE', GT: 'LT', GE: 'LE' };

/** A key condition expression: one condition for each key that it names. @throws ExpressionError */
export function parseKeyConditions(
  expression: string,
  placeholders: ExpressionPlaceholders,
): Record<string, KeyCondition> {
  const conditions = new Map<string, KeyCondition>();
  for (const part of partsOf(parseCondition(expression, placeholders))) {
    const { name, condition } = keyCondition(part);
    if (conditions.has(name)) {
      throw new ExpressionError('KeyConditionExpressions must only contain one condition per key');
    }
    conditions.set(name, condition);
  }
  if (conditions.size > 2) throw new ExpressionError('Conditions can be of length 1 or 2 only');
  return Object.fromEntries(conditions);
}

function partsOf(condition: Condition): Condition[] {
  return condition.kind === 'and' ? [...partsOf(condition.left), ...partsOf(condition.right)] : [condition];
}

function keyCondition(condition: Condition): { name: string; condition: KeyCondition } {
  switch (condition.kind) {
    case 'compare': {
      const comparison = comparisons[condition.comparator];
      if (!comparison) throw invalidOperator(condition.comparator);
      const { left, right } = condition;
      // The value may stand first.
      if (left.kind === 'value' && right.kind === 'path') return onKey(right, mirrored[comparison]!, [left]);
      return onKey(left, comparison, [right]);
    }
    case 'between':
      return onKey(condition.operand, 'BETWEEN', [condition.lower, condition.upper]);
    case 'function': {
      const { name, operands } = condition;
      if (name !== 'begins_with') throw invalidOperator(name);
      return onKey(operands[0]!, 'BEGINS_WITH', operands.slice(1));
    }
    default:
      throw invalidOperator(condition.kind.toUpperCase());
  }
}

function onKey(key: Operand, comparison: KeyComparison, values: Operand[]): { name: string; condition: KeyCondition } {
  if ([key, ...values].some(({ kind }) => kind === 'size')) {
    throw new ExpressionError('KeyConditionExpressions cannot contain nested operations');
  }
  if (key.kind !== 'path') {
    throw new ExpressionError(
      `Invalid condition in KeyConditionExpression: ${comparison} must have the key attribute as its first operand`,
    );
  }
  if (key.path.length > 1) {
    throw new ExpressionError('KeyConditionExpressions cannot have conditions on nested attributes');
  }
  const AttributeValueList = values.map((each) => {
    if (each.kind === 'value') return each.value;
    throw new ExpressionError(
      'Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition',
    );
  });
  return { name: key.path[0], condition: { ComparisonOperator: comparison, AttributeValueList } };
}

const invalidOperator = (operator: string) =>
  new ExpressionError(`Invalid operator used in KeyConditionExpression: ${operator}`);
