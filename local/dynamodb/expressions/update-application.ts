import { type AttributeValue, copyOf, emptyMap, type Item, membersOf, typeOf } from '../attribute-value.ts';
import { withNumberErrors } from '../attribute-value-reader.ts';
import { addNumbers, subtractNumbers } from '../decimal-number.ts';
import { validationError } from '../validation-error.ts';
import { type DocumentPath, memberOf, valueAt } from './document-path.ts';
import type { UpdateAction, UpdateOperand } from './update-expression.ts';

/**
 * Applies an update to an item, and returns the new item. Operands and list indexes refer to the item before the
 * update.
 *
 * @throws AwsError ValidationException when the actions do not fit the item
 */
export function applyUpdate(item: Item, actions: UpdateAction[]): Item {
  const values = actions.map((action) => resultOf(item, action));
  const updated = Object.assign(emptyMap(), item);
  const lists = new ChangedLists();
  // Items in the store never change: a document is copied before the first action on a path in it.
  const copied = new Set<string>();
  for (const [index, { path }] of actions.entries()) {
    if (path.length > 1 && !copied.has(path[0]) && updated[path[0]]) {
      updated[path[0]] = copyOf(updated[path[0]]!);
      copied.add(path[0]);
    }
    place(updated, path, values[index], lists);
  }
  lists.close();
  return updated;
}

/** The value at the path of an action after the action; `undefined` when the action removes it. */
function resultOf(item: Item, action: UpdateAction): AttributeValue | undefined {
  switch (action.kind) {
    case 'set':
      return copyOf(evaluate(item, action.expression));
    case 'remove':
      return undefined;
    case 'add':
      return added(valueAt(item, action.path), action.value);
    case 'delete':
      return deleted(valueAt(item, action.path), action.value);
  }
}

function evaluate(item: Item, expression: UpdateOperand): AttributeValue {
  switch (expression.kind) {
    case 'value':
      return expression.value;
    case 'path': {
      const value = valueAt(item, expression.path);
      if (value) return value;
      throw validationError('The provided expression refers to an attribute that does not exist in the item');
    }
    case 'if_not_exists':
      return valueAt(item, expression.path) ?? evaluate(item, expression.otherwise);
    case 'plus':
    case 'minus': {
      const [left, right] = [evaluate(item, expression.left).N, evaluate(item, expression.right).N];
      if (left === undefined || right === undefined) throw incorrectType();
      const calculate = expression.kind === 'plus' ? addNumbers : subtractNumbers;
      return { N: withNumberErrors(() => calculate(left, right)) };
    }
    case 'list_append': {
      const [left, right] = [evaluate(item, expression.left).L, evaluate(item, expression.right).L];
      if (!left || !right) throw incorrectType();
      return { L: [...left, ...right] };
    }
  }
}

function added(existing: AttributeValue | undefined, value: AttributeValue): AttributeValue {
  if (!existing) return copyOf(value);
  const type = typeOf(value);
  if (typeOf(existing) !== type) throw incorrectType();
  if (type === 'N') return { N: withNumberErrors(() => addNumbers(existing.N!, value.N!)) };
  return { [type]: [...new Set([...membersOf(existing)!, ...membersOf(value)!])] };
}

/** A set that has lost its last member is removed. */
function deleted(existing: AttributeValue | undefined, value: AttributeValue): AttributeValue | undefined {
  if (!existing) return undefined;
  const type = typeOf(value);
  if (typeOf(existing) !== type) throw incorrectType();
  const gone = new Set(membersOf(value));
  const left = membersOf(existing)!.filter((each) => !gone.has(each));
  return left.length > 0 ? { [type]: left } : undefined;
}

const incorrectType = () => validationError('An operand in the update expression has an incorrect data type');

function place(item: Item, path: DocumentPath, value: AttributeValue | undefined, lists: ChangedLists): void {
  const parent = path.slice(0, -1).reduce<AttributeValue | undefined>((inner, each) => inner && memberOf(inner, each), {
    M: item,
  });
  const member = path.at(-1)!;
  if (parent?.M && typeof member === 'string') {
    if (value) parent.M[member] = value;
    else delete parent.M[member];
  } else if (parent?.L && typeof member === 'number') {
    lists.place(parent.L, member, value);
  } else {
    throw validationError('The document path provided in the update expression is invalid for update');
  }
}

/** Removes and appends elements after all actions, so that every index refers to the list before the update. */
class ChangedLists {
  readonly #lists = new Map<AttributeValue[], { removed: Set<number>; appended: Map<number, AttributeValue> }>();

  place(list: AttributeValue[], index: number, value: AttributeValue | undefined): void {
    const changes = this.#lists.get(list) ?? { removed: new Set(), appended: new Map() };
    this.#lists.set(list, changes);
    if (index < list.length) {
      if (value) list[index] = value;
      else changes.removed.add(index);
    } else if (value) {
      changes.appended.set(index, value);
    }
  }

  /** Appends elements beyond the end in the order of their indexes. */
  close(): void {
    for (const [list, { removed, appended }] of this.#lists) {
      const kept = list.filter((_, index) => !removed.has(index));
      const beyondEnd = [...appended].sort(([a], [b]) => a - b).map(([, value]) => value);
      list.length = 0;
      for (const element of kept.concat(beyondEnd)) list.push(element);
    }
  }
}
