import { readFileSync } from 'node:fs';
import { type BuildOptions, build, type Plugin } from 'esbuild';

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

/** Builds a function with its deployment options, and instruments it to count schema conversions. */
export async function buildCounting(options: BuildOptions, outfile: string): Promise<void> {
  await build({ ...options, outfile, bundle: true, logLevel: 'silent', plugins: [counting] });
}
