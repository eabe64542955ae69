#!/usr/bin/env node
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import { freePort } from '../local/free-port.ts';
import type { Bench, Outcome } from './benchmark-part.ts';
import { asJson, asMarkdown, asText, type Results, withResults } from './benchmark-results.ts';
import { assemblyWithTwentyTools } from './built-assembly.ts';
import {
  authorizerCandidates,
  type Built,
  buildAll,
  buildStdioServer,
  candidates,
  type Missing,
} from './candidates.ts';
import { cold } from './cold.ts';
import { callers, reload, start, synth, tests } from './developer-commands.ts';
import { inTableOrder, isMet } from './figure.ts';
import { assemblyOfSources } from './harness/assembly.ts';
import { instructions } from './instructions.ts';
import { startLocalServices } from './local-services.ts';
import { price } from './price.ts';
import { startRedis } from './redis-server.ts';
import { sizes } from './sizes.ts';
import { store } from './table-requests.ts';
import { warm } from './warm.ts';

const usage = `Measures the deployed functions, a straightforward implementation of the same task (G), and peers:
npm run bench [-- options]

  --part <name>    measures this part only; may be repeated: sizes, cold, warm, store, price,
                   instructions (needs valgrind), synth, start, reload, callers,
                   tests; peers: cold and warm with all peers. Default: all except tests
  --short          fewer rounds, no peers, instructions counted once, in less than two minutes;
                   synth, start, reload and callers only on request
  --rounds <n>     fresh processes for each cold and warm figure (15; 7 with --short)
  --markdown       prints the results of docs/performance.md
  --save           writes them into docs/performance.md as well
  --json           prints one JSON object
  --help           prints this text

The program ends with 1 if a budget is missed. docs/performance.md describes the measurements.
`;

const parts: Record<string, (bench: Bench) => Promise<Outcome>> = {
  sizes,
  cold,
  warm,
  store,
  price,
  instructions,
  synth,
  start,
  reload,
  callers,
  tests,
};

const page = join(import.meta.dirname, '../docs/performance.md');

/** The candidates of the short mode. */
const shortCandidates = ['empty', 'G', 'strong-G', 'stock'];

/** @throws ConfigurationError for an unknown option or an invalid value */
function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        part: { type: 'string', multiple: true },
        short: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        markdown: { type: 'boolean', default: false },
        save: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const { short, part } = values;
    const chosen = part?.flatMap((name) => (name === 'peers' ? ['cold', 'warm'] : [name]));
    const unknown = chosen?.find((name) => !Object.hasOwn(parts, name));
    if (unknown !== undefined)
      throw new Error(`--part is ${unknown}: use one of ${Object.keys(parts).join(', ')}, peers`);
    const usual = short
      ? ['sizes', 'cold', 'warm', 'store', 'price', 'instructions']
      : Object.keys(parts).filter((name) => name !== 'tests');
    const rounds = Number(values.rounds ?? (short ? 7 : 15));
    if (!(Number.isInteger(rounds) && rounds > 0))
      throw new Error(`--rounds is ${values.rounds}: use a positive integer`);
    return { ...values, rounds, chosen: [...new Set(chosen ?? usual)], withPeers: !short || part?.includes('peers') };
  } catch (error) {
    throw new ConfigurationError(`${(error as Error).message}\n\n${usage}`, { cause: error });
  }
}

const progress = (text: string) => {
  const { stderr } = process;
  stderr.write(stderr.isTTY ? `\r\x1b[K${text} …` : `${text} …\n`);
};

async function main(): Promise<void> {
  const { chosen, short, rounds, json, markdown, save, help, withPeers } = readOptions();
  if (help) return void process.stdout.write(usage);
  const [loadBefore = 0] = loadavg();
  const seconds: Record<string, number> = {};
  const timed = async <T>(part: string, work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const result = await work();
    seconds[part] = (performance.now() - startedAt) / 1000;
    return result;
  };
  const cleanups: (() => unknown)[] = [];
  try {
    const options = { chosen, short, rounds, withPeers: withPeers === true };
    const { bench, missing } = await timed('preparation', () => prepare(options, cleanups));
    const outcomes: Outcome[] = [];
    for (const name of chosen) outcomes.push(await timed(name, () => parts[name]!(bench)));
    const figures = inTableOrder(outcomes.flatMap((outcome) => outcome.figures));
    const comparisons = outcomes.flatMap((outcome) => outcome.comparisons ?? []);
    missing.push(...outcomes.flatMap((outcome) => outcome.missing ?? []));
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    const results: Results = { figures, comparisons, missing, rounds, loadBefore, seconds };
    process.stdout.write((json ? asJson : markdown ? asMarkdown : asText)(results));
    if (save) writeFileSync(page, withResults(readFileSync(page, 'utf8'), asMarkdown(results)));
    process.exitCode = figures.some((figure) => isMet(figure) === false) ? 1 : 0;
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

/** Synthesizes the stack, builds the candidates and starts the services for the parts. */
async function prepare(
  { chosen, short, rounds, withPeers }: { chosen: string[]; short: boolean; rounds: number; withPeers: boolean },
  cleanups: (() => unknown)[],
): Promise<{ bench: Bench; missing: Missing[] }> {
  progress('synthesizing the stack');
  const assembly = await assemblyOfSources();
  const services = await startLocalServices(assembly);
  cleanups.push(() => services.close());

  const needsBuilds = chosen.some((name) => ['sizes', 'cold', 'warm', 'instructions'].includes(name));
  const wanted = needsBuilds ? candidates.filter(({ id }) => withPeers || shortCandidates.includes(id)) : [];
  const redis = wanted.some(({ needsRedis }) => needsRedis) ? await startRedis() : undefined;
  cleanups.push(() => redis?.close());
  const without = wanted.filter(({ needsRedis }) => needsRedis && !redis);
  progress('building G and the peers');
  const { built, missing } = await buildAll([
    ...wanted.filter((each) => !without.includes(each)),
    ...authorizerCandidates,
  ]);
  missing.push(...without.map(({ name }) => ({ name, reason: 'the PATH has no redis-server' })));
  const stdioServer = built.some(({ id }) => id === 'stdio') ? await buildStdioServer() : '';
  const loopbackPort = String(await freePort());
  const environmentOf = ({ environment }: Built) => ({
    ...services.environment,
    PUBLIC_URL: services.publicUrl,
    TABLE_NAME: services.tableName,
    KEY_SET: services.keySet,
    REDIS_URL: redis?.url ?? '',
    STDIO_SERVER: stdioServer,
    LOOPBACK_PORT: loopbackPort,
    PATH: process.env.PATH ?? '',
    ...environment,
  });
  let withTwentyTools: Promise<string> | undefined;
  const twentyTools = () => {
    withTwentyTools ??= assemblyWithTwentyTools();
    return withTwentyTools;
  };
  cleanups.push(async () => withTwentyTools && rmSync(await withTwentyTools, { recursive: true, force: true }));
  return { bench: { assembly, services, rounds, short, built, twentyTools, environmentOf, progress }, missing };
}

main().catch((error) => {
  console.error(error instanceof ConfigurationError ? error.message : error);
  process.exit(1);
});
