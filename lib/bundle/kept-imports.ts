import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Metafile, version } from 'esbuild';
import { type BuildReport, buildCache, project, replaceFile } from './esbuild-run.ts';
import { fileOf } from './metafile.ts';
import { importersOfZod, type SdkImports, zodOf } from './sdk-imports.ts';

/** The imports that the last build of a bundle has found, and the hash of the modules that it has read. */
type KeptImports = { imports: SdkImports; modules: string };

/**
 * Builds with the imports that the last build of this bundle has found, which is one build in place of two. If that reads
 * other modules than the last one did, the imports are found anew.
 *
 * @param key everything that decides the imports, beside the modules
 * @param folder of what is kept. @default the cache of builds
 * @param startedAt epoch milliseconds. @default now
 */
export function buildWithImports<R extends BuildReport>(
  key: unknown,
  build: (imports: SdkImports) => R,
  find: () => SdkImports,
  folder = buildCache,
  startedAt = Date.now(),
): R {
  const hash = createHash('sha256').update(JSON.stringify([version, key]));
  const file = join(folder, `sdk-imports-${hash.digest('hex').slice(0, 16)}.json`);
  const kept = readImports(file);
  const first = kept && build(kept.imports);
  if (first?.metafile && hashOfModules(first.metafile) === kept?.modules) return first;
  const imports = find();
  const report = first && JSON.stringify(imports) === JSON.stringify(kept?.imports) ? first : build(imports);
  const { metafile } = report;
  if (metafile && !hasChanged(metafile, startedAt)) {
    const found: KeptImports = { imports, modules: hashOfModules(metafile) };
    replaceFile(file, JSON.stringify(found));
  }
  return report;
}

/** @returns undefined for a file that is absent, or not complete */
function readImports(file: string): KeptImports | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as KeptImports;
  } catch {
    return undefined;
  }
}

/** Of the modules of a bundle, their content, and the modules that each of them imports. */
function hashOfModules(metafile: Metafile): string {
  const hash = createHash('sha256');
  for (const [path, { imports }] of Object.entries(metafile.inputs)) {
    hash.update(JSON.stringify([path, imports]));
    for (const file of filesOf(path)) hash.update(readFileSync(file));
  }
  // A bundle with one Zod does not show which one a module would import.
  return hash.update(JSON.stringify(importersOfZod(metafile).map(zodOf))).digest('hex');
}

/** The clock of the file system may be a few milliseconds behind. */
const TICK_MILLISECONDS = 20;

/** Whether a module may have changed during the build. Those of the cache have the names of their content. */
const hasChanged = ({ inputs }: Metafile, startedAt: number): boolean =>
  Object.keys(inputs)
    .flatMap(filesOf)
    .filter((file) => !file.startsWith(buildCache))
    .some((file) => statSync(file).ctimeMs >= startedAt - TICK_MILLISECONDS);

/** @returns the file of a module; none for one that esbuild has made */
function filesOf(input: string): string[] {
  const file = resolve(project, fileOf(input));
  return existsSync(file) ? [file] : [];
}
