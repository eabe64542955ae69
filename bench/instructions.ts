import { availableParallelism } from 'node:os';
import type { Bench, Outcome } from './benchmark-part.ts';
import { firstLine } from './candidates.ts';
import { coldFigures, coldStarters, coldWorkers } from './cold.ts';
import { countInstructions, type Specification } from './function-process.ts';
import { EARLY_SEGMENTS, warmFigures, warmStarters } from './warm.ts';

const MILLION = 1e6;

/** Each process is counted so often, since two counts differ by up to three hundredths. */
const ROUNDS = 3;

type Counts = Awaited<ReturnType<typeof countInstructions>>;

/** A process under callgrind, and the count that belongs to a figure. */
type Count = {
  id: string;
  specification: Specification;
  environment: Record<string, string>;
  flags?: string[];
  of: (counts: Counts) => number;
};

/** Instructions in place of times. They need callgrind of valgrind. */
export async function instructions(bench: Bench): Promise<Outcome> {
  try {
    const millions = await countAll([...coldCounts(bench), ...warmCounts(bench, await bench.twentyTools())], bench);
    const unit = { measure: 'instructions', unit: 'M' } as const;
    return {
      figures: [
        ...coldFigures(unit, (id) => millions.get(id) ?? []),
        ...warmFigures(unit, (id, scenario) => millions.get(`${id} ${scenario}`)!),
      ],
    };
  } catch (error) {
    const name = 'instructions, so CPU time has their budgets';
    return { figures: [], missing: [{ name, reason: firstLine(error) }] };
  }
}

/** From the load to the last response. */
const coldCounts = (bench: Bench): Count[] =>
  coldStarters(bench)
    .filter(({ id }) => coldWorkers(bench.short).includes(id))
    .map((starter) => ({ ...starter, of: ({ load, segments }) => segments.reduce((sum, each) => sum + each, load) }));

/** A request of the last segment. */
function warmCounts(bench: Bench, assembly: string): Count[] {
  const [, counted] = EARLY_SEGMENTS;
  return warmStarters(bench, assembly)
    .filter(({ id }) => id === 'ours' || id === 'stock')
    .map(({ id, scenario, specification, environment }) => ({
      id: `${id} ${scenario.id}`,
      specification: specification(EARLY_SEGMENTS),
      environment,
      flags: ['--single-threaded'],
      of: ({ segments }) => segments.at(-1)! / counted,
    }));
}

/** Counts on all processors: other load does not change instructions. @returns millions by id, in the order of the rounds */
async function countAll(wanted: Count[], { short, progress }: Bench): Promise<Map<string, number[]>> {
  const queue = Array.from({ length: short ? 1 : ROUNDS }, () => wanted).flat();
  const { length } = queue;
  const millions = new Map<string, number[]>();
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { id, specification, environment, flags, of } = next;
      progress(`instructions, ${length - queue.length} of ${length}: ${id}`);
      const counts = await countInstructions(specification, environment, flags);
      millions.set(id, [...(millions.get(id) ?? []), of(counts) / MILLION]);
    }
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, work));
  } finally {
    queue.length = 0;
  }
  return millions;
}
