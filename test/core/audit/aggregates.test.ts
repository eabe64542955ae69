import fc from 'fast-check';
import {
  AggregateBuilder,
  type Aggregates,
  mergeAggregates,
  percentile,
} from '../../../lambda/core/audit/aggregates.ts';
import { type CallFilter, mayContainMatch, rowMatchesFilter } from '../../../lambda/core/audit/call-filter.ts';
import { RareCallBuilder } from '../../../lambda/core/audit/rare-calls.ts';
import { isComplete, sizeOf } from '../../../lambda/core/audit/samples.ts';
import type { ToolCall } from '../../../lambda/core/audit/tool-call.ts';
import { UsageBuilder } from '../../../lambda/core/audit/usage-aggregates.ts';
import { OTHERS } from '../../../lambda/core/dashboard/dashboard-api.ts';
import { toolCall } from '../../support/tool-call-builder.ts';

const aCall = (change: Partial<ToolCall>): ToolCall =>
  toolCall({ id: 'call', at: 1_800_000_000_000, clientName: 'Claude Code', era: 'modern', ...change });

const statisticsOf = (calls: ToolCall[]): Promise<Aggregates> => {
  const counting = new AggregateBuilder();
  for (const call of calls) counting.add(call);
  return counting.aggregates();
};

const someCall = fc
  .record({
    user: fc.constantFrom('ada', 'alan', 'grace'),
    session: fc.constantFrom('1', '2', '3', '4'),
    tool: fc.constantFrom('note', 'search', undefined),
    clientName: fc.constantFrom('Claude Code', 'Codex', undefined),
    outcome: fc.constantFrom<ToolCall['outcome'][]>('success', 'tool-error', 'refused'),
    milliseconds: fc.nat(900_000),
    at: fc.integer({ min: 1_800_000_000_000, max: 1_800_003_600_000 }),
  })
  .map(aCall);

const calls = (aggregates: Aggregates) => aggregates.rows.reduce((sum, row) => sum + row.calls, 0);

/** Rows are in the order of their first call. */
const sorted = ({ rows, ...rest }: Aggregates) => ({
  rows: rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  ...rest,
});

test('merged aggregates do not depend on how calls are divided into periods', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(someCall, { maxLength: 60 }), fc.nat(60), fc.nat(60), async (all, first, second) => {
      const [a, b] = [Math.min(first, second), Math.max(first, second)];
      const parts = await Promise.all([all.slice(0, a), all.slice(a, b), all.slice(b)].map(statisticsOf));
      const [one, two, three] = parts as [Aggregates, Aggregates, Aggregates];
      const whole = sorted(await statisticsOf(all));
      expect(sorted(mergeAggregates(parts))).toEqual(whole);
      expect(sorted(mergeAggregates([three, mergeAggregates([two, one])]))).toEqual(whole);
    }),
  );
});

test('every call is counted once under its client, tool and outcome', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(someCall, { maxLength: 60 }), async (all) => {
      const aggregates = await statisticsOf(all);
      expect(calls(aggregates)).toBe(all.length);
      for (const { client, tool, outcome, calls: count, durations } of aggregates.rows) {
        const same = all.filter(
          (call) =>
            (call.clientName ?? call.client) === client &&
            (call.tool ?? call.method) === tool &&
            call.outcome === outcome,
        );
        expect(same).toHaveLength(count);
        expect(Object.values(durations).reduce((sum, each) => sum + each, 0)).toBe(count);
      }
      expect(sizeOf(aggregates.users)).toBe(new Set(all.map(({ user }) => user)).size);
      expect(sizeOf(aggregates.sessions)).toBe(new Set(all.map(({ session }) => session)).size);
    }),
  );
});

test('a percentile is within a tenth of the exact value', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 900_000 }), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(50, 95, 99),
      async (all, percent) => {
        const { rows } = await statisticsOf(all.map((milliseconds) => aCall({ milliseconds })));
        const exact = all.toSorted((a, b) => a - b)[Math.ceil((all.length * percent) / 100) - 1]!;
        const found = percentile(rows[0]!.durations, percent);
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact * 0.1 + 1e-9);
      },
    ),
  );
});

test('a percentile of no calls and of calls without duration is 0', async () => {
  expect(percentile({}, 50)).toBe(0);
  const { rows } = await statisticsOf([aCall({ milliseconds: 0 })]);
  expect(percentile(rows[0]!.durations, 99)).toBe(0);
});

test('the span of a session is from the start of its first call to the end of its last', async () => {
  const { sessions } = await statisticsOf([
    aCall({ at: 5000, milliseconds: 10 }),
    aCall({ at: 1000, milliseconds: 9000 }),
    aCall({ at: 2000 }),
  ]);
  expect(Object.values(sessions)).toEqual([[1000, 10_000]]);
});

test('many users are estimated within a fifth from a bounded sample', async () => {
  const parts = await Promise.all(
    [0, 1, 2].map((part) =>
      statisticsOf(
        Array.from({ length: 4000 }, (_, index) =>
          // Half of them recur in the next part.
          aCall({ user: `user ${part * 2000 + index}`, session: `session ${part * 2000 + index}` }),
        ),
      ),
    ),
  );
  const { users, sessions } = mergeAggregates(parts);
  expect(Object.keys(users)).toHaveLength(256);
  expect([isComplete(users), isComplete(sessions)]).toEqual([false, false]);
  for (const sample of [users, sessions]) {
    expect(sizeOf(sample)).toBeGreaterThan(8000 * 0.8);
    expect(sizeOf(sample)).toBeLessThan(8000 * 1.2);
  }
});

test('a client that states another name is counted by its registered name, and selected by both', async () => {
  const stated = { registeredName: 'Evil Client', clientName: 'Claude Code' };
  const { rows } = await statisticsOf([
    aCall(stated),
    aCall({ clientName: 'Claude Code' }),
    aCall({ ...stated, tool: 'x' }),
  ]);
  const count = (filter: Partial<CallFilter>) =>
    rows.filter((row) => rowMatchesFilter(row, filter)).reduce((sum, row) => sum + row.calls, 0);
  expect(count({ client: 'Evil Client' })).toBe(2);
  expect(count({ client: 'Claude Code' })).toBe(1);
  expect(count({ clientInfo: 'Claude Code' })).toBe(3);
  expect(count({ clientInfo: 'Evil Client' })).toBe(0);
  expect(count({ client: 'Evil Client', clientInfo: 'Claude Code', tool: 'x' })).toBe(1);
});

test('a client that states no name is counted by its registered name alone', async () => {
  const { rows } = await statisticsOf([aCall({ registeredName: 'Quiet', clientName: undefined })]);
  expect(rows.filter((row) => rowMatchesFilter(row, { client: 'Quiet' })).length).toBe(1);
  expect(rows.filter((row) => rowMatchesFilter(row, { clientInfo: 'Quiet' }))).toEqual([]);
});

test('rare names are counted together by outcome, so that invented names do not make the item grow', async () => {
  const attack = Array.from({ length: 5000 }, (_, index) =>
    aCall({ tool: `tool ${index}`, outcome: 'protocol-error' }),
  );
  const honest = Array.from({ length: 50 }, () => aCall({}));
  const one = await statisticsOf([...attack, ...honest]);
  const together = mergeAggregates([
    one,
    one,
    await statisticsOf(attack.map((call) => ({ ...call, tool: `${call.tool}!` }))),
  ]);
  for (const [aggregates, count] of [
    [one, 5050],
    [together, 15_100],
  ] as const) {
    expect(aggregates.rows.length).toBeLessThanOrEqual(305);
    expect(calls(aggregates)).toBe(count);
    expect(JSON.stringify(aggregates).length).toBeLessThan(100_000);
    const others = aggregates.rows.filter(({ tool }) => tool === OTHERS);
    expect(others.map(({ outcome, client }) => [outcome, client])).toEqual([['protocol-error', OTHERS]]);
  }
  expect(together.rows.find(({ tool }) => tool === 'note')?.calls).toBe(100);
});

test('less frequent prompts and resources are counted together by method, and a filter for the method selects all', async () => {
  const reads = Array.from({ length: 500 }, (_, index) =>
    aCall({ tool: undefined, method: 'resources/read', target: `notes://${index}` }),
  );
  const prompt = aCall({ tool: undefined, method: 'prompts/get', target: 'daily' });
  const aggregates = await statisticsOf([...reads, reads[7]!, prompt, prompt]);
  expect(aggregates.rows.length).toBeLessThanOrEqual(62);
  const names = aggregates.rows.map(({ tool }) => tool);
  for (const kept of ['prompts/get daily', 'resources/read notes://7', 'resources/read']) expect(names).toContain(kept);
  const ofMethod = aggregates.rows.filter((row) => rowMatchesFilter(row, { tool: 'resources/read' }));
  expect(ofMethod.reduce((sum, row) => sum + row.calls, 0)).toBe(501);
  const within = { from: 0, to: Number.MAX_SAFE_INTEGER };
  expect(mayContainMatch(aggregates, { ...within, tool: 'resources/read notes://499' })).toBe(true);
  expect(mayContainMatch(aggregates, { ...within, tool: 'prompts/get unknown' })).toBe(false);
});

test('usage and rare calls of many users, versions and tools have at most 40 KB', async () => {
  const [usage, rare] = [new UsageBuilder(), new RareCallBuilder()];
  for (let index = 0; index < 5_000; index++) {
    const names = { user: `user ${index % 900}`, tool: `tool ${index % 400}`, clientVersion: `${index % 300}` };
    const call = aCall({
      ...names,
      id: `id-of-the-call-${index}`,
      at: 1_800_000_000_000 + index,
      session: `${index % 70}`,
    });
    usage.add(call);
    rare.add(call);
  }
  const aggregates = await usage.aggregates();
  expect(JSON.stringify([aggregates, await rare.aggregates()]).length).toBeLessThan(40_000);
  expect(aggregates.versions.reduce((sum, row) => sum + row.calls, 0)).toBe(5_000);
  expect(aggregates.versions.find(({ client }) => client === OTHERS)?.clientVersion).toBe(OTHERS);
  expect(aggregates.pairs.reduce((sum, row) => sum + row.calls, 0)).toBe(5_000 - 70);
  expect(aggregates.users).toHaveLength(20);
});

test('an interrupted call has no duration, because the end of its process is not known', async () => {
  const ended = await statisticsOf([aCall({ milliseconds: 200 })]);
  const all = await statisticsOf([
    aCall({ milliseconds: 200 }),
    aCall({ outcome: 'interrupted', milliseconds: 3_600_000 }),
  ]);
  expect(calls(all)).toBe(2);
  expect(all.rows.map(({ durations }) => durations)).toEqual([ended.rows[0]!.durations, {}]);
});
