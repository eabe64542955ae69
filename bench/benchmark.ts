#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import { freePort } from '../local/free-port.ts';
import type { Bench, Comparison, Outcome } from './benchmark-part.ts';
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
import { type Figure, isMet, ratioOf, spreadOf } from './figure.ts';
import { assemblyOfSources } from './harness/assembly.ts';
import { instructions } from './instructions.ts';
import { startLocalServices } from './local-services.ts';
import { price } from './price.ts';
import { startRedis } from './redis-server.ts';
import { sizes } from './sizes.ts';
import { store } from './table-requests.ts';
import { aligned, figureRows, figuresTable, markdownTable, shown } from './text-columns.ts';
import { warm } from './warm.ts';

const usage = `Measures the deployed functions, a straightforward implementation of the same task (G), and peers:
npm run bench [-- options]

  --part <name>    measures this part only; may be repeated: sizes, cold, warm, store, price,
                   instructions (needs valgrind), synth, start, reload, callers,
                   tests; peers: cold and warm with all peers. Default: all except tests
  --short          fewer rounds and peers, in less than two minutes; instructions, synth, start,
                   reload and callers only on request
  --rounds <n>     fresh processes for each cold figure (15; 7 with --short)
  --markdown       prints the tables of docs/performance.md
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
      ? ['sizes', 'cold', 'warm', 'store', 'price']
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
  const { chosen, short, rounds, json, markdown, help, withPeers } = readOptions();
  if (help) return void process.stdout.write(usage);
  const startedAt = performance.now();
  const cleanups: (() => unknown)[] = [];
  try {
    const { bench, missing } = await prepare({ chosen, short, rounds, withPeers: withPeers === true }, cleanups);
    const outcomes: Outcome[] = [];
    for (const name of chosen) outcomes.push(await parts[name]!(bench));
    const figures = outcomes.flatMap((outcome) => outcome.figures);
    const comparisons = outcomes.flatMap((outcome) => outcome.comparisons ?? []);
    missing.push(...outcomes.flatMap((outcome) => outcome.missing ?? []));
    const seconds = (performance.now() - startedAt) / 1000;
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    const print = json ? asJson : markdown ? asMarkdown : asText;
    process.stdout.write(print(figures, comparisons, missing, seconds));
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
  return { bench: { assembly, services, rounds, short, built, environmentOf, progress }, missing };
}

const cellsOf = ({ columns, rows }: Comparison): string[][] => [
  ['', ...columns],
  ...rows.map(({ name, values }) => [name, ...values.map((value) => (value === undefined ? '' : shown(value)))]),
];

function asMarkdown(figures: Figure[], comparisons: Comparison[], missing: Missing[], seconds: number): string {
  return [
    `Node ${process.version}, ${process.platform} ${process.arch}, ${seconds.toFixed(0)} seconds.`,
    markdownTable(figureRows(figures)),
    ...comparisons.flatMap((each) => [`### ${each.title}`, markdownTable(cellsOf(each))]),
    ...missing.map(({ name, reason }) => `Not measured: ${name} (${reason}).`),
  ]
    .join('\n\n')
    .concat('\n');
}

function asText(figures: Figure[], comparisons: Comparison[], missing: Missing[], seconds: number): string {
  const tables = comparisons.map((each) => `${each.title}\n${aligned(cellsOf(each))}`);
  const absent = missing.map(({ name, reason }) => `  ${name}: ${reason}`);
  const missed = figures.filter((figure) => isMet(figure) === false);
  return [
    ...tables,
    figuresTable(figures),
    ...(absent.length > 0 ? [`Not measured\n${absent.join('\n')}`] : []),
    missed.length === 0
      ? 'All measured budgets are met.'
      : `Missed budgets: ${missed.map(({ what }) => what).join('; ')}.`,
    `Node ${process.version}, ${process.platform} ${process.arch}, ${seconds.toFixed(0)} s\n`,
  ].join('\n\n');
}

function asJson(figures: Figure[], comparisons: Comparison[], missing: Missing[], seconds: number): string {
  const judged = figures.map((figure) => ({
    ...figure,
    ratio: ratioOf(figure),
    spread: spreadOf(figure),
    met: isMet(figure),
  }));
  return `${JSON.stringify({ node: process.version, seconds, figures: judged, comparisons, missing })}\n`;
}

main().catch((error) => {
  console.error(error instanceof ConfigurationError ? error.message : error);
  process.exit(1);
});
