import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Bench, Outcome } from './benchmark-part.ts';
import { deployed } from './built-assembly.ts';

const scriptsBeside = (file: string) =>
  readdirSync(dirname(file))
    .filter((name) => /\.[cm]?js$/.test(name))
    .map((name) => join(dirname(file), name));

/** The sizes of the deployed bundles. A KB is 1,024 bytes. */
export async function sizes({ services, assembly, built }: Bench): Promise<Outcome> {
  const kilobytes = (file: string) => statSync(file).size / 1024;
  const mcp = deployed(services.template, assembly, 'Mcp').file;
  const authorizer = deployed(services.template, assembly, 'Authorizer').file;
  const g = built.find(({ id }) => id === 'G');
  return {
    figures: [
      {
        what: 'MCP function, first file of a cold start',
        unit: 'KB',
        ours: kilobytes(mcp),
        ...(g && { reference: { name: 'G', value: g.bytes / 1024 } }),
        budget: { atMost: 190, of: 'ours' },
        note: `minified; ${Math.round(gzipSync(readFileSync(mcp)).byteLength / 1024)} KB with gzip`,
      },
      {
        what: 'MCP function, all files of code',
        unit: 'KB',
        ours: scriptsBeside(mcp).reduce((sum, file) => sum + kilobytes(file), 0),
        budget: { atMost: 460, of: 'ours' },
      },
      { what: 'bundle, authorizer', unit: 'KB', ours: kilobytes(authorizer), budget: { atMost: 40, of: 'ours' } },
      ...['OAuth', 'Dashboard', 'Rollup'].map((construct) => ({
        what: `bundle, function ${construct}`,
        unit: 'KB' as const,
        ours: kilobytes(deployed(services.template, assembly, construct).file),
      })),
    ],
  };
}
