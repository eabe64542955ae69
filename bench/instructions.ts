import { availableParallelism } from 'node:os';
import type { Bench, Outcome } from './benchmark-part.ts';
import { firstLine } from './candidates.ts';
import { coldFigures, coldStarters, coldWorkers } from './cold.ts';
import { countInstructions, type Specification } from './function-process.ts';
import { EARLY_REQUESTS, scenariosOf, warmFigures, warmStarters } from './warm.ts';

const MILLION = 1e6;

/** Each process is counted so often, since two counts differ by some hundredths. */
const ROUNDS = 3;

/** Without other threads and random numbers, which change what is compiled and collected at which request. */
const WARM_FLAGS = ['--single-threaded', '--hash-seed=1', '--random-seed=1'];

type Counts = Awaited<ReturnType<typeof countInstructions>>;

/** A process under callgrind, and the values that its counts make, by their ids. */
type Count = {
  id: string;
  specification: Specification;
  environment: Record<string, string>;
  flags?: string[];
  values: (counts: Counts) => [id: string, instructions: number][];
};

/** Instructions in place of times. They need callgrind of valgrind. */
export async function instructions(bench: Bench): Promise<Outcome> {
  try {
    // The longest ones come first, so that no processor waits at the end.
    const wanted = [...warmCounts(bench, await bench.twentyTools()), ...coldCounts(bench)];
    const millions = await countAll(wanted, bench);
    const unit = { measure: 'instructions', unit: 'M' } as const;
    return {
      figures: [
        ...coldFigures(unit, (id) => millions.get(id) ?? []),
        ...warmFigures(unit, (id, scenario) => millions.get(`${id} ${scenario.id}`)!),
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
    .map((starter) => ({
      ...starter,
      values: ({ load, segments }) => [[starter.id, segments.reduce((sum, each) => sum + each, load)]],
    }));

const warmCounts = (bench: Bench, assembly: string): Count[] =>
  warmStarters(bench, assembly)
    .filter(({ id }) => id === 'ours' || id === 'stock')
    .map(({ id, era, specification, environment }) => ({
      id: `${id}, ${era} era`,
      specification: specification(false),
      environment,
      flags: WARM_FLAGS,
      // After the segment of `initialize`, each scenario has one that does not count.
      values: ({ segments }) =>
        scenariosOf(era).map((scenario, index) => [`${id} ${scenario.id}`, segments[2 * index + 2]! / EARLY_REQUESTS]),
    }));

/** Counts on all processors: other load does not change instructions. @returns millions by id, in the order of the rounds */
async function countAll(wanted: Count[], { short, progress }: Bench): Promise<Map<string, number[]>> {
  const queue = Array.from({ length: short ? 1 : ROUNDS }, () => wanted).flat();
  const { length } = queue;
  const millions = new Map<string, number[]>();
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { id, specification, environment, flags, values } = next;
      progress(`instructions, ${length - queue.length} of ${length}: ${id}`);
      const counts = await countInstructions(specification, environment, flags);
      for (const [each, count] of values(counts)) millions.set(each, [...(millions.get(each) ?? []), count / MILLION]);
    }
  };
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, work));
  } finally {
    queue.length = 0;
  }
  return millions;
}
