import { copyFileSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { writeFiles } from '../../lib/bundle/esbuild-run.ts';
import { toCommonJs } from '../../lib/bundle/split-bundle.ts';

/** The module of Zod's copy by which schemas are converted to JSON Schema, and the function that each conversion calls. */
const CONVERTER = /[\\/]zod-[^\\/]+[\\/]v4[\\/]core[\\/]to-json-schema\.js$/;
const SIGNATURE = 'const load = () => (';

const counting: Plugin = {
  name: 'counting',
  setup({ onLoad }) {
    onLoad({ filter: CONVERTER }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      if (!source.includes(SIGNATURE)) throw new Error(`${path} has no function load: count calls of the conversion`);
      const count = 'globalThis.schemaConversions = (globalThis.schemaConversions ?? 0) + 1, ';
      return { contents: source.replace(SIGNATURE, `${SIGNATURE}${count}`), loader: 'js' };
    });
  },
};

/**
 * Builds a function whose bundle is in several files with its deployment options, and instruments it to count schema
 * conversions.
 */
export async function buildCounting(options: BuildOptions, folder: string): Promise<void> {
  const parts = join(folder, 'parts');
  const { outputFiles, metafile } = await build({
    ...options,
    outdir: parts,
    bundle: true,
    write: false,
    metafile: true,
    logLevel: 'silent',
    plugins: [counting],
  });
  writeFiles(
    parts,
    outputFiles.map(({ path, contents }) => [basename(path), contents]),
  );
  writeFiles(folder, toCommonJs(parts, metafile, folder));
  for (const part of globSync(join(options.alias!.zod!, '*.cjs'))) copyFileSync(part, join(folder, basename(part)));
}
