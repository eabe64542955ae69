#!/usr/bin/env node
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import { freePort } from '../local/free-port.ts';
import type { Bench, Comparison, Outcome } from './benchmark-part.ts';
import { newAssembly } from './built-assembly.ts';
import {
  authorizerCandidates,
  type Built,
  buildAll,
  buildStdioServer,
  candidates,
  type Missing,
} from './candidates.ts';
import { cold } from './cold.ts';
import { start, synth, tests } from './developer-commands.ts';
import { type Figure, isMet, ratioOf } from './figure.ts';
import { openDesk } from './local-services.ts';
import { price } from './price.ts';
import { startRedis } from './redis-server.ts';
import { sizes } from './sizes.ts';
import { store } from './table-requests.ts';
import { aligned, figuresTable, shown } from './text-columns.ts';
import { warm } from './warm.ts';

const usage = `Measures the functions as they are deployed, beside the obvious build of the same job and beside peers:
npm run bench [-- options]

  --part <name>    only this part; may be repeated: sizes, cold, warm, store, price,
                   synth, start, tests;
                   peers: cold and warm with all peers. Without it: all but tests
  --short          fewer rounds and fewer peers, in less than two minutes; without synth and start unless asked for
  --rounds <n>     fresh processes for each cold figure (15; 5 when short)
  --json           print one JSON object
  --help           print this

It ends with 1 if a budget is missed. What is measured, and how: docs/performance.md
`;

const parts: Record<string, (bench: Bench) => Promise<Outcome>> = {
  sizes,
  cold,
  warm,
  store,
  price,
  synth,
  start,
  tests,
};

/** Peers of the short mode. */
const few = ['empty', 'raw', 'G', 'stock', 'redis-2'];

/** @throws Mistake for an option or a value that is not one */
function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        part: { type: 'string', multiple: true },
        short: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    const { short, part } = values;
    const chosen = part?.flatMap((name) => (name === 'peers' ? ['cold', 'warm'] : [name]));
    const unknown = chosen?.find((name) => !Object.hasOwn(parts, name));
    if (unknown !== undefined) throw new Error(`there is no part ${unknown}`);
    const usual = short
      ? ['sizes', 'cold', 'warm', 'store', 'price']
      : Object.keys(parts).filter((name) => name !== 'tests');
    const rounds = Number(values.rounds ?? (short ? 5 : 15));
    if (!(Number.isInteger(rounds) && rounds > 0)) throw new Error(`--rounds is ${values.rounds}, not a number from 1`);
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
  const { chosen, short, rounds, json, help, withPeers } = readOptions();
  if (help) return void process.stdout.write(usage);
  const begun = performance.now();
  const cleanups: (() => unknown)[] = [];
  try {
    const { bench, missing } = await prepare({ chosen, short, rounds, withPeers: withPeers === true }, cleanups);
    const outcomes: Outcome[] = [];
    for (const name of chosen) outcomes.push(await parts[name]!(bench));
    const figures = outcomes.flatMap((outcome) => outcome.figures);
    const comparisons = outcomes.flatMap((outcome) => outcome.comparisons ?? []);
    missing.push(...outcomes.flatMap((outcome) => outcome.missing ?? []));
    const seconds = (performance.now() - begun) / 1000;
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    process.stdout.write(
      json ? asJson(figures, comparisons, missing, seconds) : asText(figures, comparisons, missing, seconds),
    );
    process.exitCode = figures.some((figure) => isMet(figure) === false) ? 1 : 0;
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

/** Synthesizes, builds and starts what the parts need. */
async function prepare(
  { chosen, short, rounds, withPeers }: { chosen: string[]; short: boolean; rounds: number; withPeers: boolean },
  cleanups: (() => unknown)[],
): Promise<{ bench: Bench; missing: Missing[] }> {
  progress('synthesizing the stack');
  const assembly = await newAssembly();
  cleanups.push(() => rmSync(assembly, { recursive: true, force: true }));
  const desk = await openDesk(assembly);
  cleanups.push(() => desk.close());

  const needsBuilds = chosen.some((name) => ['sizes', 'cold', 'warm'].includes(name));
  const wanted = needsBuilds ? candidates.filter(({ id }) => withPeers || few.includes(id)) : [];
  const redis = wanted.some(({ needsRedis }) => needsRedis) ? await startRedis() : undefined;
  cleanups.push(() => redis?.close());
  const without = wanted.filter(({ needsRedis }) => needsRedis && !redis);
  progress('building G and the peers');
  const { built, missing } = await buildAll([
    ...wanted.filter((each) => !without.includes(each)),
    ...authorizerCandidates,
  ]);
  missing.push(...without.map(({ name }) => ({ name, reason: 'there is no redis-server on the PATH' })));
  const stdioServer = built.some(({ id }) => id === 'stdio') ? await buildStdioServer() : '';
  const loopbackPort = String(await freePort());
  const environmentOf = ({ environment }: Built) => ({
    ...desk.environment,
    PUBLIC_URL: desk.publicUrl,
    TABLE_NAME: desk.tableName,
    KEY_SET: desk.keySet,
    REDIS_URL: redis?.url ?? '',
    STDIO_SERVER: stdioServer,
    LOOPBACK_PORT: loopbackPort,
    PATH: process.env.PATH ?? '',
    ...environment,
  });
  return { bench: { assembly, desk, rounds, short, built, environmentOf, progress }, missing };
}

function asText(figures: Figure[], comparisons: Comparison[], missing: Missing[], seconds: number): string {
  const tables = comparisons.map(({ title, columns, rows }) => {
    const lines = rows.map(({ name, values }) => [
      name,
      ...values.map((value) => (value === undefined ? '' : shown(value))),
    ]);
    return `${title}\n${aligned([['', ...columns], ...lines])}`;
  });
  const absent = missing.map(({ name, reason }) => `  ${name}: ${reason}`);
  const missed = figures.filter((figure) => isMet(figure) === false);
  return [
    ...tables,
    figuresTable(figures),
    ...(absent.length > 0 ? [`Not measured\n${absent.join('\n')}`] : []),
    missed.length === 0
      ? 'Every budget that was measured is met.'
      : `Missed: ${missed.map(({ what }) => what).join('; ')}.`,
    `Node ${process.version}, ${process.platform} ${process.arch}, ${seconds.toFixed(0)} s\n`,
  ].join('\n\n');
}

function asJson(figures: Figure[], comparisons: Comparison[], missing: Missing[], seconds: number): string {
  const judged = figures.map((figure) => ({ ...figure, ratio: ratioOf(figure), met: isMet(figure) }));
  return `${JSON.stringify({ node: process.version, seconds, figures: judged, comparisons, missing })}\n`;
}

main().catch((error) => {
  console.error(error instanceof ConfigurationError ? error.message : error);
  process.exit(1);
});
