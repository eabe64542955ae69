import { CountingTable } from './counting-table.ts';
import { Counted } from './generated-aggregates.ts';
import { GeneratedItems } from './generated-items.ts';
import { World, type WorldSize } from './generated-world.ts';
import { ownerOf, type View, views } from './growth-views.ts';
import { type Cost, requestsIn } from './table-cost.ts';
import { emptyStore } from './table-definition.ts';

/** A view at one size. */
export type Measured = { view: View; size: WorldSize; cost: Cost };

/** A world, and the table that has it. @param progress hears how far its aggregates are, from 0 to 1 */
export async function generatedTable(size: WorldSize, progress?: (share: number) => void) {
  const world = new World(size);
  const counted = await Counted.of(world, progress);
  const tableName = 'Holdfast';
  const [scratch, store] = [await emptyStore(tableName), await emptyStore(tableName)];
  const items = new GeneratedItems({ world, counted, visitors: [ownerOf(world)], tableName, scratch });
  return { world, counting: new CountingTable(items, store, tableName) };
}

export async function measure(size: WorldSize, progress?: (share: number) => void): Promise<Measured[]> {
  const { world, counting } = await generatedTable(size, progress);
  const measured: Measured[] = [];
  for (const view of views) {
    const prepare = async () => view.prepare?.(counting.table, world);
    const cost = await counting.costOf(() => view.work(counting.table, world), prepare);
    measured.push({ view, size, cost });
  }
  return measured;
}

/** Curves are compared by what they end at, over what they begin with. */
export const growthOf = (costs: Cost[]): { requests: number; bytes: number } => {
  const [first, last] = [costs[0]!, costs.at(-1)!];
  return {
    requests: requestsIn(last) / Math.max(1, requestsIn(first)),
    bytes: last.bytes === first.bytes ? 1 : last.bytes / Math.max(1, first.bytes),
  };
};
