import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Bench, Outcome } from './benchmark-part.ts';
import { deployed } from './built-assembly.ts';

const scriptsBeside = (file: string) =>
  readdirSync(dirname(file))
    .filter((name) => /\.[cm]?js$/.test(name))
    .map((name) => join(dirname(file), name));

/** The functions without a budget, and their names in the table. */
const others = { OAuth: 'OAuth function', Dashboard: 'dashboard function', Rollup: 'aggregation job' };

/** Bytes on the disk, with hard links counted once and without the caches of programs. */
function diskBytesOf(folder: string): number {
  const counted = new Map<number, number>();
  const count = (path: string) => {
    const { ino, blocks } = lstatSync(path);
    counted.set(ino, blocks * 512);
  };
  const visit = (inside: string) => {
    count(inside);
    for (const entry of readdirSync(inside, { withFileTypes: true })) {
      if (entry.name === '.cache') continue;
      const path = join(inside, entry.name);
      if (entry.isDirectory()) visit(path);
      else count(path);
    }
  };
  visit(folder);
  return [...counted.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** The sizes of the deployed bundles and of the installed packages. A KB is 1,024 bytes. */
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
      ...Object.entries(others).map(([construct, name]) => ({
        what: `bundle, ${name}`,
        unit: 'KB' as const,
        ours: kilobytes(deployed(services.template, assembly, construct).file),
      })),
      {
        what: 'node_modules after npm ci',
        unit: 'MB',
        ours: diskBytesOf(join(import.meta.dirname, '../node_modules')) / 1024 ** 2,
      },
    ],
  };
}
