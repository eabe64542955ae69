import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { writeFiles } from '../../lib/bundle/esbuild-run.ts';
import { toCommonJs } from '../../lib/bundle/split-bundle.ts';

/** The module of zod that every conversion to a JSON schema passes. */
const CONVERTER = /[\\/]zod[\\/]v4[\\/]core[\\/]to-json-schema\.js$/;
const SIGNATURE = 'export function finalize(ctx, schema) {';

const counting: Plugin = {
  name: 'counting',
  setup({ onLoad }) {
    onLoad({ filter: CONVERTER }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      if (!source.includes(SIGNATURE))
        throw new Error(`${path} has no function finalize: count at the end of zod's conversion`);
      const count = 'globalThis.schemaConversions = (globalThis.schemaConversions ?? 0) + 1;';
      return { contents: source.replace(SIGNATURE, `${SIGNATURE} ${count}`), loader: 'js' };
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
}
