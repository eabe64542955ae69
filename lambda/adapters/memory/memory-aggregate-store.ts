import type { AggregateStore, Aggregates, Period } from '../../core/audit/aggregates.ts';
import type { ErrorAggregates } from '../../core/audit/error-groups.ts';
import { copy } from './memory-tables.ts';

export function memoryAggregateStore(): AggregateStore {
  const aggregates = new Map<string, Aggregates>();
  const errors = new Map<string, ErrorAggregates>();
  let aggregatedUntil: number | undefined;

  const load = <T>(all: Map<string, T>, step: string, from: number, to: number): Period<T>[] =>
    [...all]
      .map(([name, each]) => ({ name: name.split('#')[0], at: Number(name.split('#')[1]), aggregates: copy(each) }))
      .filter(({ name, at }) => name === step && at >= from && at < to)
      .map(({ name, ...period }) => period)
      .toSorted((a, b) => a.at - b.at);

  return {
    load: async (step, from, to) => load(aggregates, step, from, to),
    loadErrors: async (step, from, to) => load(errors, step, from, to),
    async save(step, { at, aggregates: saved }) {
      aggregates.set(`${step}#${at}`, copy(saved));
    },
    async saveErrors(step, { at, aggregates: saved }) {
      errors.set(`${step}#${at}`, copy(saved));
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
