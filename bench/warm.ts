import { rmSync } from 'node:fs';
import type { Bench, Comparison, Outcome } from './benchmark-part.ts';
import { assemblyWithTwentyTools, deployed } from './built-assembly.ts';
import { firstLine, type Missing } from './candidates.ts';
import type { Figure } from './figure.ts';
import { type Run, runFresh } from './function-process.ts';
import { callTool, initialize, listTools, modern, proxyEvent } from './gateway-events.ts';
import { templateOf } from './local-services.ts';
import { median, shuffled } from './median.ts';

/**
 * Requests by segment: the first ones, which do not count; those of a typical life of a function on Lambda; those until
 * the code is compiled; and those afterwards.
 */
const SEGMENTS = { full: [20, 50, 1930, 200], short: [20, 50, 430, 100] };
const EARLY = 1;
const STEADY = 3;

const scenarios = [
  {
    id: 'call',
    name: 'tools/call',
    message: callTool('tool_7', { query: 'bench', limit: 10, tags: ['a', 'b'] }),
    budget: 0.5,
    target: '0.13 x',
  },
  { id: 'list', name: 'tools/list', message: listTools, budget: 0.25, target: 'cached bytes' },
  {
    id: 'modern-call',
    name: 'tools/call, 2026 era',
    message: modern(callTool('tool_7', { query: 'bench', limit: 10, tags: ['a', 'b'] })),
  },
  { id: 'modern-list', name: 'tools/list, 2026 era', message: modern(listTools) },
];

/** The candidates of the warm measurements. */
const warmCandidates = ['stock', 'raw', 'v1', 'mcp-handler', 'fastmcp-edge'];

/** The candidates that do not speak the 2026 era. */
const legacyOnly = ['v1', 'raw', 'fastmcp-edge'];

/**
 * Warm requests with twenty tools, in one process and without a store: Holdfast's table client answers in the process, and
 * the stock handler has no store. Each scenario has a fresh process.
 */
export async function warm(bench: Bench): Promise<Outcome> {
  bench.progress('building Holdfast with twenty tools');
  const assembly = await assemblyWithTwentyTools();
  try {
    return await measure(bench, assembly);
  } finally {
    rmSync(assembly, { recursive: true, force: true });
  }
}

async function measure(bench: Bench, assembly: string): Promise<Outcome> {
  const { services, built, short, progress } = bench;
  const mcp = deployed(templateOf(assembly, services.publicUrl), assembly, 'Mcp');
  const item = { pk: `G#${services.caller.grant}`, sk: '-', ...grantOf(services.caller) };
  const ours = {
    id: 'ours',
    name: 'Holdfast',
    file: mcp.file,
    handler: mcp.handler,
    environment: { ...services.environment, ...mcp.environment, BENCH_GRANT: JSON.stringify(item) },
  };
  const others = built
    .filter(({ id }) => warmCandidates.includes(id))
    .map((candidate) => ({ ...candidate, handler: 'handler', environment: bench.environmentOf(candidate) }));
  const segments = short ? SEGMENTS.short : SEGMENTS.full;
  const rounds = 3;
  const pairs = [ours, ...others].flatMap((each) =>
    scenarios
      .filter(({ id }) => !id.startsWith('modern') || !legacyOnly.includes(each.id))
      .map((scenario) => ({ each, scenario, key: `${each.id} ${scenario.id}` })),
  );
  const runs = new Map<string, Run[]>();
  const missing: Missing[] = [];
  const failed = new Set<string>();
  for (let round = 1; round <= rounds; round++) {
    progress(`warm requests, round ${round} of ${rounds}`);
    for (const { each, scenario, key } of shuffled(pairs)) {
      if (failed.has(key)) continue;
      const event = (message: typeof initialize) => proxyEvent(message, services.caller, services.token);
      const requests = [
        { event: event(initialize), segments: [1], expect: '"result"' },
        { event: event(scenario.message), segments, expect: '"result"' },
      ];
      const environment = { ...each.environment, TOOLS: '20' };
      try {
        const run = await runFresh({ file: each.file, handler: each.handler, requests }, environment);
        runs.set(key, [...(runs.get(key) ?? []), run]);
      } catch (error) {
        if (each.id === 'ours' || each.id === 'stock') throw error;
        failed.add(key);
        missing.push({ name: `${each.name}, ${scenario.name}`, reason: firstLine(error) });
      }
    }
  }
  const figure = (id: string, scenario: string, segment: number, value: 'p50Us' | 'cpuUs') => {
    const all = runs.get(`${id} ${scenario}`);
    return all && median(all.map(({ answers }) => answers[1]![segment]![value]));
  };
  return { figures: figuresOf(figure), comparisons: comparisons([ours, ...others], figure), missing };
}

type Lookup = (id: string, scenario: string, segment: number, value: 'p50Us' | 'cpuUs') => number | undefined;

const figuresOf = (figure: Lookup): Figure[] =>
  scenarios.map(({ id, name, budget, target }) => ({
    what: `warm ${name}, 20 tools, CPU time of requests 21–70`,
    unit: 'µs',
    ours: figure('ours', id, EARLY, 'cpuUs')!,
    reference: { name: 'stock', value: figure('stock', id, EARLY, 'cpuUs')! },
    ...(budget !== undefined && { budget: { atMost: budget, of: 'ratio' as const }, target }),
  }));

const comparisons = (all: { id: string; name: string }[], figure: Lookup): Comparison[] =>
  scenarios.map((scenario) => ({
    title: `Warm ${scenario.name}, 20 tools, without a store (µs per request)`,
    columns: ['early p50', 'early CPU', 'steady p50', 'steady CPU'],
    rows: all
      .filter(({ id }) => figure(id, scenario.id, EARLY, 'cpuUs') !== undefined)
      .map(({ id, name }) => ({
        name,
        values: [
          figure(id, scenario.id, EARLY, 'p50Us'),
          figure(id, scenario.id, EARLY, 'cpuUs'),
          figure(id, scenario.id, STEADY, 'p50Us'),
          figure(id, scenario.id, STEADY, 'cpuUs'),
        ],
      })),
  }));

/** The attributes of the grant that a request reads. */
const grantOf = ({ grant, user, client, expiresAt }: Bench['services']['caller']) => ({
  type: 'grant',
  id: grant,
  status: 'active',
  user,
  issuer: 'https://idp.example',
  subject: 'bench',
  client,
  clientName: 'Bench',
  scopes: ['mcp'],
  groups: [],
  createdAt: 0,
  absoluteExpiresAt: expiresAt,
  idleExpiresAt: expiresAt,
});
