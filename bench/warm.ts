import type { Bench, Comparison, Outcome } from './benchmark-part.ts';
import { deployed } from './built-assembly.ts';
import { firstLine, type Missing } from './candidates.ts';
import type { Figure } from './figure.ts';
import { type Run, runFresh, type Specification } from './function-process.ts';
import { callTool, initialize, listTools, modern, proxyEvent } from './gateway-events.ts';
import { templateOf } from './local-services.ts';
import { median, shuffled } from './median.ts';

/** Requests by segment: the first ones, which do not count, and those of a typical life of a function on Lambda. */
export const EARLY_SEGMENTS = [20, 50] as const;
const EARLY = 1;
/** Until the code is compiled, and afterwards. These requests take long, and belong to every fifth round. */
const STEADY_SEGMENTS = [...EARLY_SEGMENTS, 1930, 200];
const STEADY = 3;
const STEADY_EVERY = 5;

const scenarios = [
  {
    id: 'call',
    name: 'tools/call',
    message: callTool('tool_7', { query: 'bench', limit: 10, tags: ['a', 'b'] }),
    budget: 0.3,
  },
  { id: 'list', name: 'tools/list', message: listTools, budget: 0.1 },
  {
    id: 'modern-call',
    name: 'tools/call, 2026 era',
    message: modern(callTool('tool_7', { query: 'bench', limit: 10, tags: ['a', 'b'] })),
    budget: 0.35,
  },
  { id: 'modern-list', name: 'tools/list, 2026 era', message: modern(listTools), budget: 0.1 },
];

/** The candidates of the warm measurements, and those of the short mode. */
const warmCandidates = { full: ['stock', 'raw', 'v1', 'mcp-handler', 'fastmcp-edge'], short: ['stock'] };

/** The candidates that do not speak the 2026 era. */
const legacyOnly = ['v1', 'raw', 'fastmcp-edge'];

/**
 * Warm requests with twenty tools, in one process and without a store: Holdfast's table client answers in the process, and
 * the stock handler has no store. Each scenario has a fresh process in each round.
 */
export async function warm(bench: Bench): Promise<Outcome> {
  bench.progress('building Holdfast with twenty tools');
  return measure(bench, await bench.twentyTools());
}

/** A scenario of one candidate. */
export type WarmStarter = {
  id: string;
  name: string;
  scenario: (typeof scenarios)[number];
  specification: (segments: readonly number[]) => Specification;
  environment: Record<string, string>;
};

/** @param assembly of `Bench.twentyTools` */
export function warmStarters({ services, built, short, environmentOf }: Bench, assembly: string): WarmStarter[] {
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
    .filter(({ id }) => warmCandidates[short ? 'short' : 'full'].includes(id))
    .map((candidate) => ({ ...candidate, handler: 'handler', environment: environmentOf(candidate) }));
  const event = (message: typeof initialize) => proxyEvent(message, services.caller, services.token);
  return [ours, ...others].flatMap(({ id, name, file, handler, environment }) =>
    scenarios
      .filter((scenario) => !scenario.id.startsWith('modern') || !legacyOnly.includes(id))
      .map((scenario) => ({
        id,
        name,
        scenario,
        specification: (segments: readonly number[]) => ({
          file,
          handler,
          requests: [
            { event: event(initialize), segments: [1], expect: '"result"' },
            { event: event(scenario.message), segments, expect: '"result"' },
          ],
        }),
        environment: { ...environment, TOOLS: '20' },
      })),
  );
}

async function measure(bench: Bench, assembly: string): Promise<Outcome> {
  const { short, rounds, progress } = bench;
  const starters = warmStarters(bench, assembly);
  const runs = new Map<string, Run[]>();
  const missing: Missing[] = [];
  const failed = new Set<string>();
  for (let round = 1; round <= rounds; round++) {
    progress(`warm requests, round ${round} of ${rounds}`);
    const segments = !short && round % STEADY_EVERY === 0 ? STEADY_SEGMENTS : EARLY_SEGMENTS;
    // The candidates of one scenario follow one another: other load on the machine affects them alike.
    const inOrder = shuffled(scenarios).flatMap(({ id }) =>
      shuffled(starters.filter(({ scenario }) => scenario.id === id)),
    );
    for (const { id, name, scenario, specification, environment } of inOrder) {
      const key = `${id} ${scenario.id}`;
      if (failed.has(key)) continue;
      try {
        const run = await runFresh(specification(segments), environment);
        runs.set(key, [...(runs.get(key) ?? []), run]);
      } catch (error) {
        if (id === 'ours' || id === 'stock') throw error;
        failed.add(key);
        missing.push({ name: `${name}, ${scenario.name}`, reason: firstLine(error) });
      }
    }
  }
  const values = (id: string, scenario: string, segment: number, value: 'p50Us' | 'cpuUs') =>
    (runs.get(`${id} ${scenario}`) ?? []).flatMap(({ answers }) => answers[1]![segment]?.[value] ?? []);
  const cpuTimes = warmFigures({ measure: 'CPU time', unit: 'µs' }, (id, scenario) =>
    values(id, scenario, EARLY, 'cpuUs'),
  );
  return { figures: cpuTimes, comparisons: comparisons(starters, values), missing };
}

/** The values of the rounds. */
type Lookup = (id: string, scenario: string, segment: number, value: 'p50Us' | 'cpuUs') => number[];

/**
 * The figures of all scenarios by one measure.
 *
 * @param valuesOf the measurements of a candidate, in the order of the rounds
 */
export const warmFigures = (
  { measure, unit }: Pick<Figure, 'measure' | 'unit'>,
  valuesOf: (id: string, scenario: string) => readonly number[],
): Figure[] =>
  scenarios.map(({ id, name, budget }) => {
    const [ours, stock] = [valuesOf('ours', id), valuesOf('stock', id)];
    return {
      what: `warm ${name}, 20 tools`,
      measure: measure!,
      unit,
      ours: median(ours),
      reference: { name: 'stock', value: median(stock), ratios: ours.map((each, round) => each / stock[round]!) },
      budget: { atMost: budget, of: 'ratio' },
    };
  });

const comparisons = (starters: WarmStarter[], values: Lookup): Comparison[] =>
  scenarios.map((scenario) => ({
    title: `Warm ${scenario.name}, 20 tools, without a store (µs per request)`,
    columns: ['early p50', 'early CPU', 'steady p50', 'steady CPU'],
    rows: starters
      .filter((starter) => starter.scenario === scenario && values(starter.id, scenario.id, EARLY, 'cpuUs').length > 0)
      .map(({ id, name }) => ({
        name,
        values: [EARLY, STEADY].flatMap((segment) =>
          (['p50Us', 'cpuUs'] as const).map((value) => {
            const all = values(id, scenario.id, segment, value);
            return all.length > 0 ? median(all) : undefined;
          }),
        ),
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
