import { readFileSync } from 'node:fs';
import { type BuildOptions, build, type Plugin } from 'esbuild';

/** Where zod makes a JSON schema of one of its own, whoever asks for it and by which way. */
const CONVERTER = /[\\/]zod[\\/]v4[\\/]core[\\/]to-json-schema\.js$/;
const BEGINNING = 'export function finalize(ctx, schema) {';

const counting: Plugin = {
  name: 'counting',
  setup({ onLoad }) {
    onLoad({ filter: CONVERTER }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      if (!source.includes(BEGINNING))
        throw new Error(`${path} has no finalize: count where zod ends a conversion now`);
      const count = 'globalThis.schemaConversions = (globalThis.schemaConversions ?? 0) + 1;';
      return { contents: source.replace(BEGINNING, `${BEGINNING} ${count}`), loader: 'js' };
    });
  },
};

/** Builds a function by the options that it is deployed with, and has it count how many schemas it converts. */
export async function buildCounting(options: BuildOptions, outfile: string): Promise<void> {
  await build({ ...options, outfile, bundle: true, logLevel: 'silent', plugins: [counting] });
}
