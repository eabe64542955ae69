import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BuildOptions, build } from 'esbuild';

const root = join(import.meta.dirname, '..');

/** Kept between runs: the peers are installed once. */
const scratch = join(root, 'node_modules/.cache/holdfast-bench');

/** The packages of the peers, which the project does not depend on. */
const packages = {
  '@aws/run-mcp-servers-with-aws-lambda': '0.5.21',
  '@codegenie/serverless-express': '5.0.0',
  '@modelcontextprotocol/sdk': '1.32.2',
  '@modelcontextprotocol/server': '2.4.0',
  express: '5.3.0',
  fastmcp: '4.20.16',
  hono: '4.13.19',
  'mcp-handler': '2.4.0',
  zod: '4.6.7',
};

/** An implementation to compare Holdfast with. */
export type Candidate = {
  id: string;
  /** In the tables. */
  name: string;
  /** In `bench/peers`. */
  source: string;
  /** The export of the bundle. @default `handler` */
  handler?: string;
  /** Built with the packages of the peers. */
  isPeer?: true;
  /** Needs a Redis server. */
  needsRedis?: true;
  environment?: Record<string, string>;
  /** Built with the known options for a fast start, in place of esbuild's defaults. */
  isStrong?: true;
};

export const candidates: Candidate[] = [
  { id: 'empty', name: 'empty function (limit)', source: 'empty.ts' },
  { id: 'raw', name: 'JSON-RPC without an SDK (limit)', source: 'raw.ts' },
  { id: 'G', name: 'G: SDK v2 + DocumentClient + aws-jwt-verify', source: 'obvious.ts' },
  { id: 'strong-G', name: 'G, built for a fast start', source: 'obvious.ts', isStrong: true },
  { id: 'stock', name: 'SDK v2 createMcpHandler', source: 'stock.ts' },
  { id: 'v1', name: 'SDK v1', source: 'sdk-v1.mjs', isPeer: true },
  { id: 'mcp-handler', name: 'mcp-handler', source: 'mcp-handler.mjs', isPeer: true },
  { id: 'fastmcp-edge', name: 'fastmcp/edge', source: 'fastmcp-edge.mjs', isPeer: true },
  { id: 'fastmcp', name: 'fastmcp', source: 'fastmcp.mjs', isPeer: true },
  { id: 'express', name: 'express + serverless-express + SDK v1', source: 'express.mjs', isPeer: true },
  { id: 'hono', name: 'hono + SDK v1', source: 'hono.mjs', isPeer: true },
  { id: 'stdio', name: 'run-mcp-servers-with-aws-lambda', source: 'stdio.mjs', isPeer: true },
  { id: 'redis-2', name: 'SDK v2 + Redis, 2 round trips', source: 'redis.ts', needsRedis: true },
  {
    id: 'redis-3',
    name: 'SDK v2 + Redis, 3 round trips',
    source: 'redis.ts',
    needsRedis: true,
    environment: { REDIS_AWAITS: '3' },
  },
];

/** Candidates for the authorizer: they do not speak MCP. */
export const authorizerCandidates: Candidate[] = [
  { id: 'empty-authorizer', name: 'empty function', source: 'empty.ts', handler: 'authorize' },
];

/** The server that the candidate `stdio` starts. */
const stdioServer: Candidate = { id: 'stdio-server', name: '', source: 'stdio-server.mjs', isPeer: true };

export type Built = Candidate & { file: string; bytes: number };

/** A candidate that could not be built or run, and the reason. */
export type Missing = { name: string; reason: string };

/** Builds each candidate as one minified bundle. */
export async function buildAll(wanted: readonly Candidate[]): Promise<{ built: Built[]; missing: Missing[] }> {
  const built: Built[] = [];
  const missing: Missing[] = [];
  const peersFail = wanted.some(({ isPeer }) => isPeer) ? await installPeers() : undefined;
  for (const candidate of wanted) {
    if (candidate.isPeer && peersFail !== undefined) missing.push({ name: candidate.name, reason: peersFail });
    else {
      try {
        built.push(await buildOne(candidate));
      } catch (error) {
        missing.push({ name: candidate.name, reason: firstLine(error) });
      }
    }
  }
  return { built, missing };
}

/** Builds the stdio server that `stdio.mjs` starts. @returns its absolute path */
export const buildStdioServer = async (): Promise<string> => (await buildOne(stdioServer)).file;

async function buildOne(candidate: Candidate): Promise<Built> {
  const folder = candidate.isPeer ? join(scratch, 'src') : join(import.meta.dirname, 'peers');
  const file = join(scratch, 'out', `${candidate.id}.${candidate.isStrong ? 'cjs' : 'mjs'}`);
  await build({
    entryPoints: [join(folder, candidate.source)],
    outfile: file,
    bundle: true,
    minify: true,
    platform: 'node',
    logLevel: 'silent',
    // `#server` is the server of the tests: Holdfast is measured with the same one (bench/harness/assembly.ts).
    conditions: ['fixture', 'module'],
    // Optional schema libraries of a peer, which are not installed.
    external: ['effect', 'sury', '@valibot/to-json-schema'],
    ...(candidate.isStrong ? fastStart : plainModule),
  });
  return { ...candidate, file, bytes: readFileSync(file).byteLength };
}

/**
 * ESM with esbuild's defaults for Node. The banner defines `require`, which ESM lacks and bundled CommonJS packages need.
 */
const plainModule: BuildOptions = {
  format: 'esm',
  banner: {
    js: "import { createRequire as requireOfBundle } from 'node:module'; const require = requireOfBundle(import.meta.url);",
  },
};

/** CommonJS, the ES modules of the packages for tree shaking, and the MCP SDK without ajv. */
const fastStart: BuildOptions = {
  format: 'cjs',
  target: 'node24',
  mainFields: ['module', 'main'],
  alias: {
    '@modelcontextprotocol/server/_shims': join(
      root,
      'node_modules/@modelcontextprotocol/server/dist/shimsBrowser.mjs',
    ),
  },
};

/** @returns the reason if the peers cannot be installed */
async function installPeers(): Promise<string | undefined> {
  mkdirSync(scratch, { recursive: true });
  const description = JSON.stringify({ private: true, type: 'module', dependencies: packages }, undefined, 2);
  const stamp = join(scratch, 'installed.json');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== description) {
    writeFileSync(join(scratch, 'package.json'), description);
    const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-package-lock'];
    try {
      await promisify(execFile)('npm', ['install', ...options], { cwd: scratch });
    } catch (error) {
      return `npm install: ${firstLine(error)}`;
    }
    writeFileSync(stamp, description);
  }
  cpSync(join(import.meta.dirname, 'peers'), join(scratch, 'src'), { recursive: true });
  return undefined;
}

export const firstLine = (error: unknown): string => String((error as Error).message ?? error).split('\n')[0]!;
