import type { AggregateKind, AggregateKinds, AggregateStore } from '../../core/audit/aggregate-kinds.ts';
import type { Period } from '../../core/audit/aggregates.ts';
import { copy } from './memory-tables.ts';

export function memoryAggregateStore(): AggregateStore {
  const stored = new Map<string, AggregateKinds[AggregateKind]>();
  let aggregatedUntil: number | undefined;

  return {
    load: async <Kind extends AggregateKind>(kind: Kind, step: string, from: number, to: number) =>
      [...stored]
        .map(([name, aggregates]) => ({ path: name.split('#'), aggregates }))
        .filter(({ path }) => path[0] === kind && path[1] === step)
        .map(({ path, aggregates }) => ({ at: Number(path[2]), aggregates: copy(aggregates) }))
        .filter(({ at }) => at >= from && at < to)
        .toSorted((a, b) => a.at - b.at) as Period<AggregateKinds[Kind]>[],
    async save(kind, step, { at, aggregates }) {
      stored.set(`${kind}#${step}#${at}`, copy(aggregates));
    },
    async countedUntil() {
      return aggregatedUntil;
    },
    async moveOn(from, to) {
      if (aggregatedUntil !== from) return false;
      aggregatedUntil = to;
      return true;
    },
  };
}
