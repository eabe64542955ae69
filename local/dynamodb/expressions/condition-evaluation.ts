import {
  type AttributeValue,
  bytesOf,
  compareValues,
  type Item,
  isEqual,
  membersOf,
  typeOf,
} from '../attribute-value.ts';
import type { Comparator, Condition, ConditionFunction, Operand } from './condition-expression.ts';
import { valueAt } from './document-path.ts';

/** Whether an item, or an item that does not exist, fulfils a condition. */
export function fulfils(item: Item, condition: Condition): boolean {
  switch (condition.kind) {
    case 'and':
      return fulfils(item, condition.left) && fulfils(item, condition.right);
    case 'or':
      return fulfils(item, condition.left) || fulfils(item, condition.right);
    case 'not':
      return !fulfils(item, condition.condition);
    case 'compare':
      return compares(condition.comparator, operandIn(item, condition.left), operandIn(item, condition.right));
    case 'between': {
      const value = operandIn(item, condition.operand);
      return (
        compares('>=', value, operandIn(item, condition.lower)) &&
        compares('<=', value, operandIn(item, condition.upper))
      );
    }
    case 'in': {
      const value = operandIn(item, condition.operand);
      return condition.candidates.some((each) => compares('=', value, operandIn(item, each)));
    }
    case 'function':
      return applies(
        condition.name,
        condition.operands.map((each) => operandIn(item, each)),
      );
  }
}

/** A value that is missing compares to nothing, so it is only unequal. */
function compares(comparator: Comparator, a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  if (!a || !b) return comparator === '<>';
  if (comparator === '=') return isEqual(a, b);
  if (comparator === '<>') return !isEqual(a, b);
  const order = compareValues(a, b);
  if (order === undefined) return false;
  switch (comparator) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

function applies(name: ConditionFunction, [first, second]: (AttributeValue | undefined)[]): boolean {
  switch (name) {
    case 'attribute_exists':
      return first !== undefined;
    case 'attribute_not_exists':
      return first === undefined;
    case 'attribute_type':
      return first !== undefined && typeOf(first) === second!.S;
    case 'begins_with':
      return first !== undefined && second !== undefined && beginsWith(first, second);
    case 'contains':
      return first !== undefined && second !== undefined && contains(first, second);
  }
}

export function beginsWith(whole: AttributeValue, start: AttributeValue): boolean {
  if (whole.S !== undefined && start.S !== undefined) return whole.S.startsWith(start.S);
  if (whole.B === undefined || start.B === undefined) return false;
  const bytes = bytesOf(start.B);
  return bytesOf(whole.B).subarray(0, bytes.length).equals(bytes);
}

/** A part of a string or of a binary, a member of a set or an element of a list. */
function contains(whole: AttributeValue, part: AttributeValue): boolean {
  if (whole.S !== undefined) return part.S !== undefined && whole.S.includes(part.S);
  if (whole.B !== undefined) return part.B !== undefined && bytesOf(whole.B).includes(bytesOf(part.B));
  if (whole.L) return whole.L.some((each) => isEqual(each, part));
  const member = { SS: part.S, NS: part.N, BS: part.B }[typeOf(whole) as 'SS' | 'NS' | 'BS'];
  return member !== undefined && membersOf(whole)!.includes(member);
}

function operandIn(item: Item, operand: Operand): AttributeValue | undefined {
  switch (operand.kind) {
    case 'path':
      return valueAt(item, operand.path);
    case 'value':
      return operand.value;
    case 'size': {
      const size = sizeOf(operandIn(item, operand.of));
      return size === undefined ? undefined : { N: String(size) };
    }
  }
}

/** Characters of a string, bytes of a binary, elements of everything else; other types have no size. */
function sizeOf(value: AttributeValue | undefined): number | undefined {
  if (!value) return undefined;
  if (value.S !== undefined) return value.S.length;
  if (value.B !== undefined) return bytesOf(value.B).length;
  if (value.M) return Object.keys(value.M).length;
  return (value.L ?? membersOf(value))?.length;
}
