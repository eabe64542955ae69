import { existsSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { buildSync } from 'esbuild';
import type { ServerCode } from './server-code.ts';

/** The work that a change of the sources requires. */
export type Reload =
  | { type: 'nothing' }
  /** The bundles that contain a changed module are built again. */
  | { type: 'server'; codes: ServerCode[] }
  /** The CDK app runs again. */
  | { type: 'app' };

/** Files of editors and tests, which are part of no stack. */
const ignored = /(^|[/\\])(\.[^/\\]*|tests?|__tests__)([/\\]|$)|\.(test|spec)\.\w+$|~$/;

/** The folder of a project's documentation, which is part of a stack only as one of its `assets`. */
const documentation = 'docs';

/** Whether a change of the file can require a reload. */
export function isSource(project: string, file: string, codes: readonly ServerCode[]): boolean {
  if (isModule(file, codes)) return true;
  const path = relative(project, file);
  if (ignored.test(path)) return false;
  return path.split(sep)[0] !== documentation || codes.some(({ folder }) => existsSync(join(folder, documentation)));
}

const isModule = (file: string, codes: readonly ServerCode[]) =>
  codes.some(({ record }) => record.modules.includes(file));

/**
 * A module that is in a bundle and that the CDK app does not load changes the bundle only. Any other file may be part of
 * the app, or of what it reads.
 */
export function reloadFor(changed: Iterable<string>, codes: readonly ServerCode[]): Reload {
  // Editors create and delete files beside the one that they save.
  const files = [...changed].filter((file) => existsSync(file) || isModule(file, codes));
  if (files.length === 0) return { type: 'nothing' };
  if (!files.every((file) => isModule(file, codes))) return { type: 'app' };
  const loaded = new Set(codes.flatMap(({ record }) => modulesOfApp(record.app) ?? files));
  if (files.some((file) => loaded.has(file))) return { type: 'app' };
  return { type: 'server', codes: codes.filter(({ record }) => files.some((file) => record.modules.includes(file))) };
}

/** @returns absolute paths; undefined if they cannot be known */
function modulesOfApp(app: string | undefined): string[] | undefined {
  if (app === undefined || !existsSync(app)) return undefined;
  const folder = dirname(app);
  try {
    const { metafile } = buildSync({
      entryPoints: [basename(app)],
      absWorkingDir: folder,
      bundle: true,
      packages: 'external',
      platform: 'node',
      format: 'esm',
      logLevel: 'silent',
      write: false,
      metafile: true,
    });
    return Object.keys(metafile.inputs).map((path) => resolve(folder, path));
  } catch {
    // The app has an error, which running it shows.
    return undefined;
  }
}
