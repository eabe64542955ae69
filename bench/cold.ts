import type { Bench, Outcome } from './benchmark-part.ts';
import { deployed } from './built-assembly.ts';
import { type Built, firstLine, type Missing } from './candidates.ts';
import type { Figure } from './figure.ts';
import { type Run, runFresh, type Specification } from './function-process.ts';
import { authorizerEvent, callTool, initialize, modern, proxyEvent } from './gateway-events.ts';
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

type Starter = {
  id: string;
  name: string;
  bytes?: number;
  specification: Specification;
  environment: Record<string, string>;
};

/**
 * Cold starts: import, first `initialize`, first `tools/call`. Every measurement has a fresh process, every round another
 * order. The start of the process is excluded: it is equal for all.
 */
export async function cold(bench: Bench): Promise<Outcome> {
  const { assembly, services, built } = bench;
  const { token, caller } = services;
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

  const mcp = deployed(services.template, assembly, 'Mcp');
  const authorizer = deployed(services.template, assembly, 'Authorizer');
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
          : candidate.id === 'G'
            ? conversation('whoami')
            : conversation('tool_0', { query: 'bench' }),
    },
    environment: bench.environmentOf(candidate),
  });
  const starters = [
    ours('ours', 'Holdfast: MCP function', mcp, conversation('whoami')),
    ours('modern', 'Holdfast: MCP function, 2026 era', mcp, modernConversation),
    ours('authorizer', 'Holdfast: authorizer', authorizer, authorization),
    ...built.map(peer),
  ];
  const { runs, missing } = await inRounds(starters, bench);
  const cold = new Map(
    starters.flatMap((starter) =>
      runs.has(starter.id) ? [[starter.id, summary(starter, runs.get(starter.id)!)] as const] : [],
    ),
  );
  return {
    figures: figuresOf(cold),
    comparisons: [comparison([...cold.values()], cold.get('G'))],
    missing,
  };
}

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
        if (['ours', 'modern', 'authorizer', 'G'].includes(id)) throw error;
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
    firstMs: of(({ answers }) => answers[0]![0]!.p50Us / 1000),
    callMs: of(({ answers }) => (answers[1]?.[0]?.p50Us ?? 0) / 1000),
    totalMs: of(({ totalMs }) => totalMs),
    cpuMs: of(({ cpuMs }) => cpuMs),
  };
}

function figuresOf(cold: Map<string, Cold>): Figure[] {
  const [ours, g, authorizer] = [cold.get('ours')!, cold.get('G')!, cold.get('authorizer')!];
  const empty = cold.get('empty-authorizer')!;
  const keySet = cold.get('key-set')!;
  const G = { name: 'G', value: g.totalMs };
  return [
    {
      what: 'cold start, MCP function',
      unit: 'ms',
      ours: ours.totalMs,
      reference: G,
      budget: { atMost: 0.62, of: 'ratio' },
      target: '0.41 x',
      note: 'import, first initialize, first tools/call; the session is written and read over TLS. G verifies the token itself, with a key set from its environment. The MCP function writes the audit log; its token is verified by the authorizer.',
    },
    {
      what: 'cold start, MCP function, 2026 era',
      unit: 'ms',
      ours: cold.get('modern')!.totalMs,
      reference: G,
      note: 'import and two calls of 2026-07-28, which has no initialize.',
    },
    {
      what: 'cold start, CPU of the MCP function',
      unit: 'ms',
      ours: ours.cpuMs,
      reference: { name: 'G', value: g.cpuMs },
    },
    {
      what: 'cold start, MCP function + authorizer',
      unit: 'ms',
      ours: ours.totalMs + authorizer.totalMs,
      reference: G,
      note: 'sequential, as the first request of a deployment; the authorizer fetches the key set, G does not.',
    },
    {
      what: 'authorizer: import, beyond an empty function',
      unit: 'ms',
      ours: authorizer.loadMs - empty.loadMs,
    },
    {
      what: 'authorizer: cold start, beyond an empty function',
      unit: 'ms',
      ours: authorizer.totalMs - keySet.firstMs - empty.totalMs,
      budget: { atMost: 12, of: 'ours' },
      note: `import and first token, without the fetch of the key set (${keySet.firstMs.toFixed(1)} ms after node:https is loaded); with it ${(authorizer.totalMs - empty.totalMs).toFixed(1)} ms.`,
    },
  ];
}

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
