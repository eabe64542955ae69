import type { Bench, Comparison, Outcome } from './benchmark-part.ts';
import { deployed } from './built-assembly.ts';
import { firstLine, type Missing } from './candidates.ts';
import type { Figure } from './figure.ts';
import { type Run, runFresh, type Specification } from './function-process.ts';
import { callTool, initialize, listTools, modern, proxyEvent } from './gateway-events.ts';
import { templateOf } from './local-services.ts';
import { median, shuffled } from './median.ts';

export const EARLY_REQUESTS = 50;
/** Requests that do not count, and those of a typical life of a function on Lambda. */
const EARLY_SEGMENTS = [20, EARLY_REQUESTS];
/** Until the code is compiled, and afterwards. These requests take long, and belong to every fifth round. */
const STEADY_SEGMENTS = [1930, 200];
const STEADY_EVERY = 5;

/** The scenarios of an era share a process. */
const scenarios = [
  {
    id: 'call',
    era: '2025',
    name: 'tools/call',
    message: callTool('tool_7', { query: 'bench', limit: 10, tags: ['a', 'b'] }),
    budget: 0.3,
  },
  { id: 'list', era: '2025', name: 'tools/list', message: listTools, budget: 0.1 },
  {
    id: 'modern-call',
    era: '2026',
    name: 'tools/call, 2026 era',
    message: modern(callTool('tool_7', { query: 'bench', limit: 10, tags: ['a', 'b'] })),
    budget: 0.35,
  },
  { id: 'modern-list', era: '2026', name: 'tools/list, 2026 era', message: modern(listTools), budget: 0.1 },
];
const eras = ['2025', '2026'];

/** In the order of the requests, which follow `initialize`. */
export const scenariosOf = (era: string) => scenarios.filter((scenario) => scenario.era === era);

/** The candidates of the warm measurements, and those of the short mode. */
const warmCandidates = { full: ['stock', 'raw', 'v1', 'mcp-handler', 'fastmcp-edge'], short: ['stock'] };

/** The candidates that do not speak the 2026 era. */
const legacyOnly = ['v1', 'raw', 'fastmcp-edge'];

/**
 * Warm requests with twenty tools, in one process and without a store: Holdfast's table client answers in the process, and
 * the stock handler has no store. The scenarios of an era have a fresh process in each round.
 */
export async function warm(bench: Bench): Promise<Outcome> {
  bench.progress('building Holdfast with twenty tools');
  return measure(bench, await bench.twentyTools());
}

/** An era of one candidate. */
export type WarmStarter = {
  id: string;
  name: string;
  era: string;
  /** The early requests of each scenario, and then the steady ones. */
  specification: (withSteady: boolean) => Specification;
  environment: Record<string, string>;
};

/** @param assembly of `Bench.twentyTools` */
export function warmStarters({ services, built, short, environmentOf }: Bench, assembly: string): WarmStarter[] {
  const mcp = deployed(templateOf(assembly, services.publicUrl, services.keySet), assembly, 'Mcp');
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
    eras
      .filter((era) => era === '2025' || !legacyOnly.includes(id))
      .map((era) => ({
        id,
        name,
        era,
        specification: (withSteady: boolean) => {
          const all = (segments: number[]) =>
            scenariosOf(era).map(({ message }) => ({ event: event(message), segments, expect: '"result"' }));
          const connect = { event: event(initialize), segments: [1], expect: '"result"' };
          const steady = withSteady ? all(STEADY_SEGMENTS) : [];
          return { file, handler, requests: [connect, ...all(EARLY_SEGMENTS), ...steady] };
        },
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
    const withSteady = !short && round % STEADY_EVERY === 0;
    // The candidates of one era follow one another: other load on the machine affects them alike.
    const inOrder = shuffled(eras).flatMap((each) => shuffled(starters.filter(({ era }) => era === each)));
    for (const { id, name, era, specification, environment } of inOrder) {
      const key = `${id} ${era}`;
      if (failed.has(key)) continue;
      try {
        const run = await runFresh(specification(withSteady), environment);
        runs.set(key, [...(runs.get(key) ?? []), run]);
      } catch (error) {
        if (id === 'ours' || id === 'stock') throw error;
        failed.add(key);
        missing.push({ name: `${name}, warm, ${era} era`, reason: firstLine(error) });
      }
    }
  }
  const values: Lookup = (id, { era, id: scenario }, phase, value) => {
    const ofEra = scenariosOf(era);
    const request = 1 + ofEra.findIndex((each) => each.id === scenario) + (phase === 'steady' ? ofEra.length : 0);
    return (runs.get(`${id} ${era}`) ?? []).flatMap(({ answers }) => answers[request]?.[1]?.[value] ?? []);
  };
  const cpuTimes = warmFigures({ measure: 'CPU time', unit: 'µs' }, (id, scenario) =>
    values(id, scenario, 'early', 'cpuUs'),
  );
  return { figures: cpuTimes, comparisons: comparisons(starters, values), missing };
}

type Scenario = (typeof scenarios)[number];

/** The values of the rounds. */
type Lookup = (id: string, scenario: Scenario, phase: 'early' | 'steady', value: 'p50Us' | 'cpuUs') => number[];

/**
 * The figures of all scenarios by one measure.
 *
 * @param valuesOf the measurements of a candidate, in the order of the rounds
 */
export const warmFigures = (
  { measure, unit }: Pick<Figure, 'measure' | 'unit'>,
  valuesOf: (id: string, scenario: Scenario) => readonly number[],
): Figure[] =>
  scenarios.map((scenario) => {
    const [ours, stock] = [valuesOf('ours', scenario), valuesOf('stock', scenario)];
    return {
      what: `warm ${scenario.name}, 20 tools`,
      measure: measure!,
      unit,
      ours: median(ours),
      reference: { name: 'stock', value: median(stock), ratios: ours.map((each, round) => each / stock[round]!) },
      budget: { atMost: scenario.budget, of: 'ratio' },
    };
  });

const comparisons = (starters: WarmStarter[], values: Lookup): Comparison[] =>
  scenarios.map((scenario) => ({
    title: `Warm ${scenario.name}, 20 tools, without a store (µs per request)`,
    columns: ['early p50', 'early CPU', 'steady p50', 'steady CPU'],
    rows: starters
      .filter(({ id, era }) => era === scenario.era && values(id, scenario, 'early', 'cpuUs').length > 0)
      .map(({ id, name }) => ({
        name,
        values: (['early', 'steady'] as const).flatMap((phase) =>
          (['p50Us', 'cpuUs'] as const).map((value) => {
            const all = values(id, scenario, phase, value);
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
