import type { Bench, Outcome } from './benchmark-part.ts';
import { deployed } from './built-assembly.ts';
import { type Built, firstLine, type Missing } from './candidates.ts';
import type { Figure } from './figure.ts';
import { type Run, runFresh, type Specification } from './function-process.ts';
import { authorizerEvent, callTool, documentEvent, initialize, modern, proxyEvent } from './gateway-events.ts';
import { median, shuffled } from './median.ts';

/** The cold start of one candidate: medians in milliseconds, and bytes. */
type Cold = {
  name: string;
  bytes: number | undefined;
  loadMs: number;
  firstMs: number;
  callMs: number;
  totalMs: number;
  cpuMs: number;
};

export type Starter = {
  id: string;
  name: string;
  bytes?: number;
  specification: Specification;
  environment: Record<string, string>;
};

/** The functions and peers whose cold starts are measured. */
export function coldStarters(bench: Bench): Starter[] {
  const { assembly, services, built } = bench;
  const { token, caller, keyId } = services;
  const conversation = (tool: string, parameters = {}) =>
    [initialize, callTool(tool, parameters)].map((message) => ({
      event: proxyEvent(message, caller, token),
      segments: [1],
      expect: '"result"',
    }));
  const modernConversation = [callTool('whoami'), callTool('whoami')].map((message) => ({
    event: proxyEvent(modern(message), caller, token),
    segments: [1],
    expect: '"result"',
  }));
  const authorization = [{ event: authorizerEvent(token), segments: [1], expect: 'Allow' }];
  const keySet = [{ event: documentEvent('/jwks.json', {}), segments: [1], expect: keyId }];

  const mcp = deployed(services.template, assembly, 'Mcp');
  const authorizer = deployed(services.template, assembly, 'Authorizer');
  const oauth = deployed(services.template, assembly, 'OAuth');
  const ours = (
    id: string,
    name: string,
    { file, handler, environment }: typeof mcp,
    requests: Specification['requests'],
  ) => ({
    id,
    name,
    specification: { file, handler, requests },
    environment: { ...services.environment, ...environment },
  });
  const peer = (candidate: Built): Starter => ({
    ...candidate,
    specification: {
      file: candidate.file,
      handler: candidate.handler ?? 'handler',
      requests:
        candidate.handler === 'authorize'
          ? authorization
          : candidate.id.endsWith('G')
            ? conversation('whoami')
            : conversation('tool_0', { query: 'bench' }),
    },
    environment: bench.environmentOf(candidate),
  });
  return [
    ours('ours', 'Holdfast: MCP function', mcp, conversation('whoami')),
    ours('modern', 'Holdfast: MCP function, 2026 era', mcp, modernConversation),
    ours('authorizer', 'Holdfast: authorizer', authorizer, authorization),
    ours('documents', 'Holdfast: OAuth function, key set', oauth, keySet),
    ...built.map(peer),
  ];
}

/**
 * Cold starts: load, first `initialize`, first `tools/call`. Every measurement has a fresh process, every round another
 * order. The start of the process is excluded: it is equal for all.
 */
export async function cold(bench: Bench): Promise<Outcome> {
  const starters = coldStarters(bench);
  const { runs, missing } = await inRounds(starters, bench);
  const cold = new Map(
    starters.flatMap((starter) =>
      runs.has(starter.id) ? [[starter.id, summary(starter, runs.get(starter.id)!)] as const] : [],
    ),
  );
  return {
    figures: figuresOf(cold, runs),
    comparisons: [comparison([...cold.values()], cold.get('G'))],
    missing,
  };
}

/** Without one of these there are no figures. */
const isRequired = (id: string) => coldWorkers().includes(id) || id === 'empty-authorizer';

/** @returns the runs by candidate, in the order of the rounds */
async function inRounds(
  starters: Starter[],
  { rounds, progress }: Bench,
): Promise<{ runs: Map<string, Run[]>; missing: Missing[] }> {
  const runs = new Map<string, Run[]>();
  const failed = new Map<string, Missing>();
  // The first round does not count: it warms the disk caches and the emulated table.
  for (let round = 0; round <= rounds; round++) {
    progress(`cold starts, round ${round} of ${rounds}`);
    for (const { id, name, specification, environment } of shuffled(starters)) {
      if (failed.has(id)) continue;
      try {
        const run = await runFresh(specification, environment);
        if (round > 0) runs.set(id, [...(runs.get(id) ?? []), run]);
      } catch (error) {
        if (isRequired(id)) throw error;
        failed.set(id, { name, reason: (error as Error).message });
      }
    }
  }
  return {
    runs,
    missing: [...failed.values()].map(({ name, reason }) => ({ name, reason: firstLine(new Error(reason)) })),
  };
}

function summary({ name, bytes }: Starter, runs: Run[]): Cold {
  const of = (value: (run: Run) => number) => median(runs.map(value));
  return {
    name,
    bytes,
    loadMs: of(({ loadMs }) => loadMs),
    firstMs: of(firstMsOf),
    callMs: of(({ answers }) => (answers[1]?.[0]?.p50Us ?? 0) / 1000),
    totalMs: of(({ totalMs }) => totalMs),
    cpuMs: of(({ cpuMs }) => cpuMs),
  };
}

const G_NOTE =
  'G verifies the token itself, with a key set from its environment; its second form is built as CommonJS, from the ES modules of its packages, without ajv.';

/** The cold starts of the table: functions that start one after the other, and the budget for their sum as a share of G. */
const coldWork: {
  what: string;
  functions: string[];
  references: ('G' | 'strong-G')[];
  atMost?: number;
  note?: string;
}[] = [
  {
    what: 'cold start, MCP function',
    functions: ['ours'],
    references: ['G', 'strong-G'],
    atMost: 0.32,
    note: `load, first initialize, first tools/call; the session is written and read over TLS. ${G_NOTE} The MCP function writes the audit log; its token is verified by the authorizer.`,
  },
  {
    what: 'cold start, MCP function, 2026 era',
    functions: ['modern'],
    references: ['G', 'strong-G'],
    atMost: 0.32,
    note: 'load and two calls of 2026-07-28, which has no initialize.',
  },
  {
    what: 'cold chain',
    functions: ['authorizer', 'ours'],
    references: ['G', 'strong-G'],
    atMost: 0.5,
    note: 'a returning client: the cold authorizer, which has the key set since the deployment, then the cold MCP function.',
  },
  { what: 'cold start, authorizer', functions: ['authorizer'], references: ['G'] },
  { what: 'cold start, OAuth function for the key set', functions: ['documents'], references: ['G'] },
];

/** The candidates of these figures, or of those with a budget alone. */
export const coldWorkers = (withBudget = false): string[] => [
  ...new Set(
    coldWork
      .filter(({ atMost }) => atMost !== undefined || !withBudget)
      .flatMap(({ functions, references }) => [...functions, ...(withBudget ? ['G'] : references)]),
  ),
];

/**
 * The figures of all cold starts by one measure. The cold starts of a round add up. Candidates without measurements have no
 * figure.
 *
 * @param valuesOf the measurements of a candidate, in the order of the rounds
 */
export const coldFigures = (
  { measure, unit }: Pick<Figure, 'measure' | 'unit'>,
  valuesOf: (id: string) => readonly number[],
): Figure[] =>
  coldWork.flatMap(({ what, functions, references, atMost, note }) => {
    const isMeasured = (id: string) => valuesOf(id).length > 0;
    if (!functions.every(isMeasured)) return [];
    const ours = valuesOf(functions[0]!).map((_, round) =>
      functions.reduce((sum, id) => sum + valuesOf(id)[round]!, 0),
    );
    return references.filter(isMeasured).map((id): Figure => {
      const others = valuesOf(id);
      const isG = id === 'G';
      return {
        what,
        measure: measure!,
        unit,
        ours: median(ours),
        reference: {
          name: isG ? 'G' : 'G, fast',
          value: median(others),
          ratios: ours.map((each, round) => each / others[round]!),
        },
        ...(isG && atMost !== undefined && { budget: { atMost, of: 'ratio' } }),
        ...(isG && note !== undefined && measure === 'time' && { note }),
      };
    });
  });

function figuresOf(cold: Map<string, Cold>, runs: Map<string, Run[]>): Figure[] {
  const valuesOf = (value: (run: Run) => number) => (id: string) => runs.get(id)!.map(value);
  const totals = valuesOf(({ totalMs }) => totalMs);
  const empty = median(totals('empty-authorizer'));
  const authorizer = median(totals('authorizer'));
  return [
    ...coldFigures({ measure: 'time', unit: 'ms' }, totals),
    ...coldFigures(
      { measure: 'CPU time', unit: 'ms' },
      valuesOf(({ cpuMs }) => cpuMs),
    ),
    {
      what: 'authorizer: load, beyond an empty function',
      unit: 'ms',
      ours: cold.get('authorizer')!.loadMs - cold.get('empty-authorizer')!.loadMs,
    },
    {
      what: 'authorizer: cold start, beyond an empty function',
      unit: 'ms',
      ours: authorizer - empty,
      budget: { atMost: 12, of: 'ours' },
      note: 'load and first token.',
    },
  ];
}

const firstMsOf = ({ answers }: Run) => answers[0]![0]!.p50Us / 1000;

const comparison = (all: Cold[], g: Cold | undefined) => ({
  title: 'Cold start (ms; KB of the bundle)',
  columns: ['KB', 'load', 'first', 'call', 'total', 'CPU', 'x G'],
  rows: all
    .toSorted((a, b) => a.totalMs - b.totalMs)
    .map(({ name, bytes, loadMs, firstMs, callMs, totalMs, cpuMs }) => ({
      name,
      values: [
        bytes === undefined ? undefined : bytes / 1000,
        loadMs,
        firstMs,
        callMs,
        totalMs,
        cpuMs,
        g && totalMs / g.totalMs,
      ],
    })),
});
