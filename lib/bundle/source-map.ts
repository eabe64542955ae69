import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec';

export type SourceMapFile = { version: 3; sources: string[]; mappings: string };

/**
 * Reduces the map beside a bundle to the owner's sources, which it names relative to the project. Those of packages and of
 * Holdfast would make it several times as large.
 *
 * @param isOwners whether the source with this absolute path is the owner's
 * @param options.onlyIfAny deletes the map of a file without sources of the owner. @default false
 */
export function keepOwnersLines(
  bundle: string,
  project: string,
  isOwners: (path: string) => boolean,
  { onlyIfAny = false } = {},
): void {
  const file = `${bundle}.map`;
  const { version, sources, mappings } = JSON.parse(readFileSync(file, 'utf8')) as SourceMapFile;
  const paths = sources.map((source) => resolve(dirname(bundle), source));
  const kept = paths.flatMap((path, index) => (isOwners(path) ? [index] : []));
  if (onlyIfAny && kept.length === 0) {
    rmSync(file);
    return;
  }
  const positions = new Map(kept.map((index, position) => [index, position]));
  const reduced: SourceMapFile = {
    version,
    sources: kept.map((index) => relative(project, paths[index]!).split(sep).join('/')),
    // Node.js reads a segment without a source at the end of the text as one of the source before.
    mappings: `${encode(reduceLines(decode(mappings), positions))};`,
  };
  writeFileSync(file, JSON.stringify({ ...reduced, names: [] }));
}

/**
 * Without names. One segment without a source ends the owner's code, also on a later line: a lookup finds the last segment
 * before a position.
 */
function reduceLines(lines: SourceMapSegment[][], positions: ReadonlyMap<number, number>): SourceMapSegment[][] {
  let isOwners = false;
  return lines.map((segments) => {
    const reduced: SourceMapSegment[] = [];
    for (const [column, source, line, sourceColumn] of segments) {
      const position = source === undefined ? undefined : positions.get(source);
      if (position !== undefined) reduced.push([column, position, line!, sourceColumn!]);
      else if (isOwners) reduced.push([column]);
      isOwners = position !== undefined;
    }
    return reduced;
  });
}
