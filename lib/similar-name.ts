/** A name with more differences is another word, and not a misspelling. */
const MOST_DIFFERENCES = 2;

/** @returns the known name that the given one most likely means; `undefined` when none is similar */
export function similarName(given: string, known: Iterable<string>): string | undefined {
  const distances = [...known].map((name) => [name, differences(given.toLowerCase(), name.toLowerCase())] as const);
  const [nearest] = distances.toSorted(([, some], [, other]) => some - other);
  return nearest !== undefined && nearest[1] <= MOST_DIFFERENCES ? nearest[0] : undefined;
}

/** The Levenshtein distance: insertions, deletions and replacements of characters. */
function differences(some: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, character] of [...some].entries()) {
    const next = [index + 1];
    for (let column = 0; column < other.length; column++) {
      const replaced = row[column]! + (character === other[column] ? 0 : 1);
      next.push(Math.min(replaced, row[column + 1]! + 1, next[column]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
