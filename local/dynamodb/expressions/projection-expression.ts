import { type AttributeValue, attributeOf, emptyMap, type Item } from '../attribute-value.ts';
import { checkDistinctPaths, type DocumentPath, memberOf } from './document-path.ts';
import { ExpressionParser } from './expression-parser.ts';
import type { ExpressionPlaceholders } from './expression-placeholders.ts';

/** @throws ExpressionError */
export function parseProjection(expression: string, placeholders: ExpressionPlaceholders): DocumentPath[] {
  const parser = new ExpressionParser(expression, placeholders);
  const paths = parser.parseWhole(() => parser.parseList(() => parser.parsePath()));
  checkDistinctPaths(paths);
  return paths;
}

/** The part of an item that paths lead to. Elements of lists stand in their order, without gaps. */
export function project(item: Item, paths: DocumentPath[]): Item {
  const projected = emptyMap();
  for (const [name, rests] of grouped(paths)) {
    const value = attributeOf(item, name as string);
    const part = value && partOf(value, rests);
    if (part) projected[name] = part;
  }
  return projected;
}

type Rest = (string | number)[];

function partOf(value: AttributeValue, rests: Rest[]): AttributeValue | undefined {
  if (rests.some(({ length }) => length === 0)) return value;
  const parts: [string | number, AttributeValue][] = [];
  for (const [member, further] of grouped(rests)) {
    const inner = memberOf(value, member);
    const part = inner && partOf(inner, further);
    if (part) parts.push([member, part]);
  }
  if (parts.length === 0) return undefined;
  if (value.M) return { M: Object.fromEntries(parts) };
  return { L: parts.sort(([a], [b]) => Number(a) - Number(b)).map(([, part]) => part) };
}

/** Paths by their first element, without it. */
function grouped(paths: Rest[]): Map<string | number, Rest[]> {
  const groups = new Map<string | number, Rest[]>();
  for (const [first, ...rest] of paths) groups.set(first!, [...(groups.get(first!) ?? []), rest]);
  return groups;
}
