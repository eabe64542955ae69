import { type AttributeValue, attributeOf, type Item } from '../attribute-value.ts';
import { ExpressionError } from './expression-error.ts';

/** Where a value is in an item: the name of the attribute, then names in maps and indexes in lists. */
export type DocumentPath = [string, ...(string | number)[]];

export function valueAt(item: Item, path: DocumentPath): AttributeValue | undefined {
  let value = attributeOf(item, path[0]);
  for (let index = 1; index < path.length && value; index++) value = memberOf(value, path[index]!);
  return value;
}

/** The value in a map under a name, or in a list at an index. */
export function memberOf(parent: AttributeValue, member: string | number): AttributeValue | undefined {
  if (typeof member === 'number') return parent.L?.[member];
  return parent.M && attributeOf(parent.M, member);
}

/** @throws ExpressionError when one path leads into another one, or when two take one value for a list and for a map */
export function checkDistinctPaths(paths: DocumentPath[]): void {
  // Paths that begin with different attributes never meet.
  const byAttribute = new Map<string, DocumentPath[]>();
  for (const path of paths) {
    const others = byAttribute.get(path[0]) ?? [];
    for (const other of others) checkPair(other, path);
    byAttribute.set(path[0], [...others, path]);
  }
}

function checkPair(one: DocumentPath, two: DocumentPath): void {
  const shown = () =>
    `must remove or rewrite one of these paths; path one: ${shownPath(one)}, path two: ${shownPath(two)}`;
  for (let index = 0; index < one.length && index < two.length; index++) {
    const [a, b] = [one[index], two[index]];
    if (typeof a !== typeof b) throw new ExpressionError(`Two document paths conflict with each other; ${shown()}`);
    if (a !== b) return;
  }
  throw new ExpressionError(`Two document paths overlap with each other; ${shown()}`);
}

/** A path as DynamoDB's errors show it, e.g. `[map, list, [0]]`. */
export function shownPath(path: DocumentPath): string {
  return `[${path.map((each) => (typeof each === 'number' ? `[${each}]` : each)).join(', ')}]`;
}
