import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { decode, encode, type SourceMapSegment } from '@jridgewell/sourcemap-codec';
import { isInside } from './asset-folders.ts';
import type { SourceMapFile } from './source-map.ts';

/** The property that stands for the place of a module until the bundle is written. */
const MARK = 'ofHoldfastModule';

const placeholder = new RegExp(`[\\w$]+\\.${MARK}\\b`, 'g');

/**
 * Definitions of esbuild for a bundle whose modules have places among the assets. `import-meta.ts` has the functions. esbuild
 * defines a name for the whole bundle, so the place of each module is filled in afterwards.
 */
export const placedMeta = {
  'import.meta.url': `moduleUrl.${MARK}`,
  'import.meta.dirname': `moduleDirname.${MARK}`,
  'import.meta.filename': `moduleFilename.${MARK}`,
};

/**
 * Replaces the placeholders of `placedMeta` by calls with the place of the module, relative to the bundle, and moves the
 * positions in the map accordingly. Packages, and modules outside of the project, have the place of the bundle.
 *
 * @param folder absolute path of the folder in the project that the bundle's folder in the asset stands for
 * @param isOwners whether the source with this absolute path is the owner's
 */
export function placeModules(bundle: string, folder: string, isOwners: (path: string) => boolean): void {
  const code = readFileSync(bundle, 'utf8');
  if (!code.includes(MARK)) return;
  const map = JSON.parse(readFileSync(`${bundle}.map`, 'utf8')) as SourceMapFile;
  const mappings = decode(map.mappings);
  const sources = map.sources.map((source) => resolve(dirname(bundle), source));
  const lines = code.split('\n').map((line, number) => {
    const segments = mappings[number] ?? [];
    const moved: { from: number; by: number }[] = [];
    const placed = line.replaceAll(placeholder, (found, column: number) => {
      const source = sources[sourceAt(segments, column) ?? -1];
      const place = source !== undefined && isOwners(source) && isInside(source) ? relative(folder, source) : '';
      const call = found.replace(`.${MARK}`, () => `(${JSON.stringify(place.split(sep).join('/'))})`);
      moved.push({ from: column, by: call.length - found.length });
      return call;
    });
    for (const segment of segments) {
      const column = segment[0];
      segment[0] += moved.reduce((total, { from, by }) => (from < column ? total + by : total), 0);
    }
    return placed;
  });
  writeFileSync(bundle, lines.join('\n'));
  writeFileSync(`${bundle}.map`, JSON.stringify({ ...map, mappings: encode(mappings) }));
}

/** The index of the source of the last segment that does not begin after the column. */
const sourceAt = (segments: SourceMapSegment[], column: number): number | undefined =>
  segments.findLast(([start]) => start <= column)?.[1];
