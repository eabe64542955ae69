import type { AggregateStore, Aggregates } from '../../core/audit/aggregates.ts';
import { copy } from './memory-tables.ts';

export function memoryAggregateStore(): AggregateStore {
  const aggregates = new Map<string, Aggregates>();
  let aggregatedUntil: number | undefined;
  return {
    async load(step, from, to) {
      return [...aggregates]
        .map(([name, each]) => ({ name: name.split('#')[0], at: Number(name.split('#')[1]), aggregates: copy(each) }))
        .filter(({ name, at }) => name === step && at >= from && at < to)
        .map(({ name, ...period }) => period)
        .toSorted((a, b) => a.at - b.at);
    },
    async save(step, { at, aggregates: saved }) {
      aggregates.set(`${step}#${at}`, copy(saved));
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
