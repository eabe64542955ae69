import { CountingTable } from './counting-table.ts';
import { GeneratedAggregates } from './generated-aggregates.ts';
import { type DataSize, GeneratedData } from './generated-data.ts';
import { GeneratedItems } from './generated-items.ts';
import { adminOf, type View, views } from './growth-views.ts';
import { type Cost, requestsIn } from './table-cost.ts';
import { emptyStore } from './session-table-definition.ts';

/** A view at one size. */
export type Measured = { view: View; size: DataSize; cost: Cost };

/** Generated data and its table. @param progress receives the completed share of the aggregates, from 0 to 1 */
export async function generatedTable(size: DataSize, progress?: (share: number) => void) {
  const data = new GeneratedData(size);
  const aggregates = await GeneratedAggregates.of(data, progress);
  const tableName = 'Holdfast';
  const [scratch, store] = [await emptyStore(tableName), await emptyStore(tableName)];
  const items = new GeneratedItems({ data, aggregates, dashboardUsers: [adminOf(data)], tableName, scratch });
  return { data, counting: new CountingTable(items, store, tableName) };
}

export async function measure(size: DataSize, progress?: (share: number) => void): Promise<Measured[]> {
  const { data, counting } = await generatedTable(size, progress);
  const measured: Measured[] = [];
  for (const view of views) {
    const prepare = async () => view.prepare?.(counting.table, data);
    const cost = await counting.costOf(() => view.work(counting.table, data), prepare);
    measured.push({ view, size, cost });
  }
  return measured;
}

/** The ratio of the last point to the first. */
export const growthOf = (costs: Cost[]): { requests: number; bytes: number } => {
  const [first, last] = [costs[0]!, costs.at(-1)!];
  return {
    requests: requestsIn(last) / Math.max(1, requestsIn(first)),
    bytes: last.bytes === first.bytes ? 1 : last.bytes / Math.max(1, first.bytes),
  };
};
