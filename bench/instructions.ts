import { rmSync } from 'node:fs';
import type { Bench, Outcome } from './benchmark-part.ts';
import { assemblyWithTwentyTools } from './built-assembly.ts';
import { firstLine } from './candidates.ts';
import { coldStarters } from './cold.ts';
import type { Figure } from './figure.ts';
import { countInstructions } from './function-process.ts';
import { warmStarters } from './warm.ts';

const MILLION = 1e6;

/** The instructions of a warm request: those of a run with more requests, without those of a run with fewer. */
const FEWER = 20;
const MORE = 70;

const coldCandidates = ['empty', 'ours', 'modern', 'authorizer', 'key-set-source', 'key-set', 'G', 'strong-G'] as const;
type ColdCandidate = (typeof coldCandidates)[number];

/** Instructions in place of times. They need one run each, and callgrind of valgrind. */
export async function instructions(bench: Bench): Promise<Outcome> {
  const { progress } = bench;
  try {
    progress('instructions of cold starts');
    const cold = await coldInstructions(bench);
    progress('instructions of warm requests');
    return { figures: [...coldFigures(cold), ...(await warmFigures(bench))] };
  } catch (error) {
    return { figures: [], missing: [{ name: 'instructions', reason: firstLine(error) }] };
  }
}

/** Without those of the start of the process. */
async function coldInstructions(bench: Bench): Promise<Record<ColdCandidate, number>> {
  const counted: Partial<Record<ColdCandidate, number>> = {};
  for (const { id, specification, environment } of coldStarters(bench)) {
    if (!isColdCandidate(id)) continue;
    bench.progress(`instructions of cold starts: ${id}`);
    counted[id] = await countInstructions(specification, environment);
  }
  const { empty = 0 } = counted;
  const all = coldCandidates.map((id) => [id, (counted[id]! - empty) / MILLION]);
  return Object.fromEntries(all) as Record<ColdCandidate, number>;
}

const isColdCandidate = (id: string): id is ColdCandidate => (coldCandidates as readonly string[]).includes(id);

function coldFigures(cold: Record<ColdCandidate, number>): Figure[] {
  const figure = (what: string, ours: number, reference: 'G' | 'strong-G' = 'G', atMost?: number): Figure => ({
    what: `instructions, ${what}`,
    unit: 'M',
    ours,
    reference: { name: reference === 'G' ? 'G' : 'G, fast', value: cold[reference] },
    ...(atMost !== undefined && { budget: { atMost, of: 'ratio' } }),
  });
  const chain = cold.authorizer + cold.ours;
  return [
    figure('cold start, MCP function', cold.ours, 'G', 0.32),
    figure('cold start, MCP function', cold.ours, 'strong-G'),
    figure('cold start, MCP function, 2026 era', cold.modern, 'G', 0.32),
    figure('cold chain, key set at the edge', chain, 'G', 0.5),
    figure('cold chain, key set at the edge', chain, 'strong-G'),
    figure('cold chain, key set from a cold OAuth function', chain + cold['key-set-source']),
    figure('cold start, authorizer with the fetch of the key set', cold.authorizer),
    figure('the fetch of the key set alone', cold['key-set']),
  ];
}

async function warmFigures(bench: Bench): Promise<Figure[]> {
  const assembly = await assemblyWithTwentyTools();
  try {
    const figures: Figure[] = [];
    const starters = warmStarters(bench, assembly);
    for (const { scenario, ...ours } of starters.filter(({ id }) => id === 'ours')) {
      bench.progress(`instructions of warm requests: ${scenario.name}`);
      const stock = starters.find((each) => each.id === 'stock' && each.scenario === scenario)!;
      figures.push({
        what: `instructions, warm ${scenario.name}, 20 tools`,
        unit: 'M',
        ours: await eachOf(ours),
        reference: { name: 'stock', value: await eachOf(stock) },
        budget: { atMost: scenario.budget, of: 'ratio' },
      });
    }
    return figures;
  } finally {
    rmSync(assembly, { recursive: true, force: true });
  }
}

type Counted = Pick<ReturnType<typeof warmStarters>[number], 'specification' | 'environment'>;

async function eachOf({ specification, environment }: Counted): Promise<number> {
  const [fewer, more] = [
    await countInstructions(specification([FEWER]), environment, ['--single-threaded']),
    await countInstructions(specification([MORE]), environment, ['--single-threaded']),
  ];
  return (more - fewer) / (MORE - FEWER) / MILLION;
}
