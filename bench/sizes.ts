import { readFileSync, statSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Bench, Outcome } from './benchmark-part.ts';
import { deployed } from './built-assembly.ts';

/** Bundles as they are deployed; a KB is 1,024 bytes. */
export async function sizes({ desk, assembly, built }: Bench): Promise<Outcome> {
  const kilobytes = (file: string) => statSync(file).size / 1024;
  const mcp = deployed(desk.template, assembly, 'Mcp').file;
  const authorizer = deployed(desk.template, assembly, 'Authorizer').file;
  const g = built.find(({ id }) => id === 'G');
  return {
    figures: [
      {
        what: 'bundle of the MCP function',
        unit: 'KB',
        ours: kilobytes(mcp),
        ...(g && { reference: { name: 'G', value: g.bytes / 1024 } }),
        budget: { atMost: 600, of: 'ours' },
        end: '310 KB',
        note: `minified; ${Math.round(gzipSync(readFileSync(mcp)).byteLength / 1024)} KB compressed`,
      },
      { what: 'bundle of the authorizer', unit: 'KB', ours: kilobytes(authorizer), budget: { atMost: 40, of: 'ours' } },
      ...['OAuth', 'Dashboard', 'Rollup'].map((construct) => ({
        what: `bundle of the function ${construct}`,
        unit: 'KB' as const,
        ours: kilobytes(deployed(desk.template, assembly, construct).file),
      })),
    ],
  };
}
