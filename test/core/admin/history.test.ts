import fc from 'fast-check';
import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { CallSearch } from '../../../lambda/core/admin/call-search.ts';
import { type AggregateReader, aggregateKinds } from '../../../lambda/core/audit/aggregate-kinds.ts';
import { steps } from '../../../lambda/core/audit/aggregates.ts';
import { aggregateCalls } from '../../../lambda/core/audit/call-aggregation.ts';
import { callName, endOf, OTHERS, type ToolCall } from '../../../lambda/core/audit/tool-call.ts';
import type { Filter } from '../../../lambda/core/dashboard/dashboard-api.ts';
import { errorGroups } from '../../../lambda/core/dashboard/dashboard-errors.ts';
import { overview } from '../../../lambda/core/dashboard/dashboard-overview.ts';
import { toolCall } from '../../support/tool-call-builder.ts';

/** Charts and searches return the contents of the audit log, whether it is aggregated or not. */

jest.setTimeout(60_000);

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = 1_800_000_000_000 - (1_800_000_000_000 % day);

const log = () => undefined;

const users = ['ada', 'alan'];

const someCall = fc.record({
  user: fc.constantFrom(...users),
  session: fc.constantFrom('1', '2', '3'),
  tool: fc.constantFrom('note', 'search'),
  clientName: fc.constantFrom('Claude Code', 'Codex'),
  outcome: fc.constantFrom<ToolCall['outcome'][]>('success', 'tool-error'),
  milliseconds: fc.oneof(fc.nat(500), fc.nat(20 * minute)),
  at: fc.integer({ min: start, max: start + 3 * day }),
});

/** Mostly empty filters, so that calls match. */
const seldom = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });

const filter = fc.record({
  user: seldom(fc.constantFrom(...users)),
  client: seldom(fc.constantFrom('Claude Code', 'Codex', 'Gemini')),
  tool: seldom(fc.constantFrom('note', 'search', 'none')),
  outcome: seldom(fc.constantFrom<NonNullable<Filter['outcome']>[]>('success', 'error')),
  error: seldom(fc.constantFrom('note failed', 'search failed', 'none')),
});

/** Uniformly distributed. */
const part = fc.noBias(fc.integer({ min: 0, max: 1000 })).map((thousandths) => thousandths / 1000);

/** The whole time or a part of it. */
const time = fc.tuple(part, part, fc.boolean()).map(([a, b, isWhole]) => (now: number) => {
  const at = (each: number) => Math.floor(start + each * (now - start));
  return isWhole ? { from: start, to: now } : { from: at(Math.min(a, b)), to: at(Math.max(a, b)) + 1 };
});

type Story = { calls: ToolCall[]; now: number; countedAt: number[]; ungrouped?: number };

/** Calls that have ended, the times of aggregation runs, and the number of runs by a version without groups of errors. */
const story: fc.Arbitrary<Story> = fc
  .record({
    calls: fc.noBias(fc.array(someCall, { minLength: 10, maxLength: 60 })),
    now: fc.noBias(fc.integer({ min: start + hour, max: start + 3 * day })),
    counted: fc.array(part, { maxLength: 4 }),
    ungrouped: fc.nat(2),
  })
  .map(({ calls, now, counted, ungrouped }) => ({
    calls: calls
      .map(
        (call, index): ToolCall => ({
          ...call,
          ...(call.outcome === 'tool-error' && { errorFingerprint: `${call.tool} failed` }),
          // Most of them have ended.
          at: start + Math.floor(((call.at - start) * (now - start)) / (3 * day)),
          id: `call-${index}`,
          session: `${call.user}-${call.session}`,
          client: 'dcr_1',
          grant: `grant-of-${call.user}`,
          era: 'legacy',
          method: 'tools/call',
          bytesIn: 1,
          bytesOut: 1,
        }),
      )
      .filter((call) => endOf(call) < now),
    now,
    ungrouped,
    countedAt: counted.map((each) => Math.floor(start + each * (now - start))).toSorted((a, b) => a - b),
  }));

async function aggregatedStory({ calls, now, countedAt, ungrouped = 0 }: Story) {
  const stores = memoryStores();
  const retentionDays = 30;
  // There are no calls before.
  await stores.aggregates.moveOn(undefined, start);
  const { save } = stores.aggregates;
  for (const [run, at] of countedAt.entries()) {
    // An earlier version aggregates all calls alone.
    stores.aggregates.save = async (kind, ...rest) => {
      if (kind === 'calls' || run >= ungrouped) await save(kind, ...rest);
    };
    for (const call of calls.filter((each) => endOf(each) <= at)) await stores.calls.recordCall(call, now + 999_999);
    await aggregateCalls({ ...stores, retentionDays, now: () => at, log }, () => 1);
  }
  for (const call of calls) await stores.calls.recordCall(call, now + 999_999);
  for (const session of new Set(calls.map((each) => each.session))) {
    const own = calls.filter((each) => each.session === session);
    const seen = (times: number[]) => times.map((time) => Math.floor(time / 1000));
    await stores.sessions.start(
      {
        id: session,
        grant: own[0]!.grant,
        user: own[0]!.user,
        era: 'legacy',
        startedAt: Math.min(...seen(own.map(({ at }) => at))),
        lastSeenAt: Math.max(...seen(own.map(({ at }) => at))),
        expiresAt: Math.floor(now / 1000) + 1,
      },
      0,
    );
  }
  const search = new CallSearch({ ...stores, retentionDays, now: () => now });
  return { stores, search, now };
}

const fitting = (calls: ToolCall[], { from, to, user, client, tool, outcome, error }: Filter) =>
  calls.filter(
    (call) =>
      endOf(call) >= from &&
      endOf(call) < to &&
      (user ?? call.user) === call.user &&
      (client ?? call.clientName) === call.clientName &&
      (tool ?? call.tool) === call.tool &&
      (error ?? call.errorFingerprint) === call.errorFingerprint &&
      (outcome === undefined || (outcome === 'error') === (call.outcome !== 'success')),
  );

const names = (calls: ToolCall[]) => calls.map(callName).sort();

test('overview counts calls, errors, users and sessions of each bar', async () => {
  await fc.assert(
    fc.asyncProperty(story, filter, fc.constantFrom(hour, 12 * hour, 3 * day, 20 * day), async (one, given, span) => {
      const { error, ...partial } = given;
      const { stores, search, now } = await aggregatedStory(one);
      const parts = { ...stores, search, sessionTtlSeconds: 3600, now: () => now };
      const wanted = { ...partial, from: now - span, to: now };
      const found = await overview(parts, wanted);
      const expected = fitting(one.calls, { ...wanted, from: found.from, to: found.to });
      expect(found.totals.calls).toBe(expected.length);
      expect(found.totals.errors).toBe(expected.filter(({ outcome }) => outcome !== 'success').length);
      expect(found.completeSince).toBeUndefined();
      for (const [index, bar] of found.bars.entries()) {
        const end = found.bars[index + 1]?.at ?? found.to;
        const inBar = expected.filter((call) => endOf(call) >= bar.at && endOf(call) < end);
        expect(bar.calls).toBe(inBar.length);
        for (const breakdown of ['tool', 'client', 'outcome'] as const) {
          expect(bar[breakdown].reduce((sum, each) => sum + each, 0)).toBe(inBar.length);
        }
        if (bar.users !== undefined) expect(bar.users).toBe(new Set(inBar.map(({ user }) => user)).size);
      }
      expect(found.totals.users === undefined).toBe(
        wanted.client !== undefined || wanted.tool !== undefined || wanted.outcome !== undefined,
      );
      if (found.sessions) expect(found.sessions.total).toBe(new Set(expected.map(({ session }) => session)).size);
    }),
    { numRuns: 100 },
  );
});

test('groups of errors count the calls, users and clients of each fingerprint in each bar', async () => {
  await fc.assert(
    fc.asyncProperty(story, filter, fc.constantFrom(hour, 12 * hour, 3 * day), async (one, given, span) => {
      const { stores, search, now } = await aggregatedStory({ ...one, ungrouped: 0 });
      const { user, tool } = given;
      const wanted = { user, tool, from: now - span, to: now };
      const found = await errorGroups({ ...stores, search, retentionDays: 30, now: () => now }, wanted);
      const expected = fitting(one.calls, { ...wanted, outcome: 'error', from: found.from, to: found.to });
      const byError = Map.groupBy(expected, ({ errorFingerprint }) => errorFingerprint);
      expect(found.groups.map(({ error }) => error).sort()).toEqual([...byError.keys()].sort());
      for (const group of found.groups) {
        const calls = byError.get(group.error)!;
        expect([group.calls, group.users]).toEqual([calls.length, new Set(calls.map((call) => call.user)).size]);
        expect(group.clients.toSorted()).toEqual([...new Set(calls.map(({ clientName }) => clientName))].sort());
        expect([group.firstAt, group.lastAt]).toEqual([Math.min(...calls.map(endOf)), Math.max(...calls.map(endOf))]);
        const inBar = found.bars.map((at) =>
          calls.filter((c) => endOf(c) >= at && endOf(c) < at + found.stepMilliseconds),
        );
        expect(group.bars).toEqual(inBar.map(({ length }) => length));
        expect(calls.map((call) => [call.session, callName(call)])).toContainEqual([
          group.last.session,
          group.last.call,
        ]);
      }
    }),
    { numRuns: 60 },
  );
});

test('a search returns every matching call once, page by page', async () => {
  await fc.assert(
    fc.asyncProperty(story, filter, fc.integer({ min: 1, max: 7 }), time, async (one, partial, limit, times) => {
      const { search, now } = await aggregatedStory(one);
      const wanted = { ...partial, ...times(now) };
      const found: ToolCall[] = [];
      let after: string | undefined;
      do {
        const page = await search.page(wanted, { limit, after });
        expect(page.items.length).toBeLessThanOrEqual(limit);
        found.push(...page.items);
        after = page.next;
      } while (after !== undefined);
      expect(names(found)).toEqual(names(fitting(one.calls, wanted)));
      if (partial.user !== undefined) expect(found.map(callName)).toEqual(names(found).reverse());
    }),
    { numRuns: 100 },
  );
});

test('repeated and concurrent aggregation changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(story, async (one) => {
      const { stores, now } = await aggregatedStory({ ...one, countedAt: [] });
      const count = () => aggregateCalls({ ...stores, retentionDays: 30, now: () => now, log }, () => 1);
      const all = async () =>
        Promise.all(
          (['minutes', 'hour', 'day'] as const).flatMap((step) =>
            aggregateKinds.map((kind) => stores.aggregates.load(kind, step, 0, now)),
          ),
        );
      await Promise.all([count(), count()]);
      while ((await stores.aggregates.countedUntil())! < now - 6 * minute) await count();
      const first = await all();
      await count();
      expect(await all()).toEqual(first);
    }),
    { numRuns: 30 },
  );
});

test('the next run aggregates the calls that a run did not reach', async () => {
  const calls = [0, 5, 61, 130].map((minutes) => ({ at: start + minutes * minute, milliseconds: 1 }));
  const { stores, now } = await aggregatedStory({
    calls: calls.map((call, index) => ({
      ...call,
      id: `${index}`,
      user: 'ada',
      client: 'dcr_1',
      grant: 'grant',
      session: 's',
      era: 'legacy',
      method: 'tools/call',
      outcome: 'success',
      bytesIn: 1,
      bytesOut: 1,
    })),
    now: start + 3 * hour,
    countedAt: [],
  });
  let left = 1;
  const count = () => aggregateCalls({ ...stores, retentionDays: 30, now: () => now, log }, () => left--);
  expect(await count()).toBe(start + hour);
  left = 9;
  expect(await count()).toBe(start + 3 * hour - 5 * minute);
  const hours = await stores.aggregates.load('calls', 'hour', 0, now);
  expect(hours.map(({ aggregates }) => aggregates.rows[0]!.calls)).toEqual([2, 1]);
});

describe('lookups of sessions count towards the limit of work', () => {
  const now = start + 10 * hour;
  const minutesAgo = (minutes: number) => now - minutes * minute;
  const one = (session: string, at: number): ToolCall => toolCall({ id: `call-of-${session}`, at, session });
  const crowd = (sessions: number, at: number) =>
    Array.from({ length: sessions }, (_, index) => one(`session-${at}-${index}`, at + index));

  test('of a search page, which states how far it has searched and continues from there', async () => {
    const calls = [...crowd(2_000, minutesAgo(2)), one('earlier', minutesAgo(12))];
    const { search } = await aggregatedStory({ calls, now, countedAt: [] });
    const wanted = { from: minutesAgo(60), to: now, tool: 'none' };
    const page = await search.page(wanted, { limit: 50 });
    expect(page).toEqual({ items: [], next: expect.any(String), searchedTo: minutesAgo(5) });
    expect(await search.page(wanted, { limit: 50, after: page.next })).toEqual({ items: [] });
  });

  test('of an overview, which states since when it is complete', async () => {
    const calls = [...crowd(4_000, minutesAgo(2)), one('earlier', minutesAgo(12))];
    const { stores, search } = await aggregatedStory({ calls, now, countedAt: [] });
    const parts = { ...stores, search, sessionTtlSeconds: 3600, now: () => now };
    const { totals, completeSince } = await overview(parts, { from: minutesAgo(60), to: now });
    expect([totals.calls, completeSince]).toEqual([4_000, minutesAgo(5)]);
  });
});

test('a search for a rare name reads its calls alone, of a week at once', async () => {
  const now = start + 5 * day;
  const common = Array.from({ length: 400 }, (_, index) =>
    toolCall({ id: `common-${index}`, at: start + index * 15 * minute, session: `s-${index % 20}` }),
  );
  const rare = [30, 60, 90].map((hours) =>
    toolCall({ id: `rare-${hours}`, at: start + hours * hour + 1, session: 's-1', tool: 'export' }),
  );
  const { stores, search } = await aggregatedStory({ calls: [...common, ...rare], now, countedAt: [now] });
  const [byKeys, ofBucket] = [jest.spyOn(stores.calls, 'callsOfKeys'), jest.spyOn(stores.calls, 'latestEndedIn')];
  const filter = { from: start, to: now, tool: 'export' };
  const page = await search.page(filter, { limit: 2 });
  expect(page.items.map(({ id }) => id)).toEqual(['rare-90', 'rare-60']);
  expect(await search.page(filter, { limit: 2, after: page.next })).toMatchObject({ items: [{ id: 'rare-30' }] });
  expect(byKeys.mock.calls.map(([keys]) => keys.length)).toEqual([3, 1]);
  // Of the five minutes that are not aggregated yet.
  expect(ofBucket.mock.calls.length).toBeLessThan(5);
});

test('a page of a search ends after 400 aggregates, and states how far it has searched', async () => {
  const now = start + 30 * day;
  let loaded = 0;
  const aggregates = {
    countedUntil: async () => now,
    async load(kind: string, step: 'minutes' | 'hour' | 'day', from: number, to: number) {
      if (kind !== 'calls') return [];
      // Less frequent names are counted together in every hour and day, but the tool is in none of their five minutes.
      const row = { client: OTHERS, tool: OTHERS, outcome: 'success' as const, calls: 1, durations: {} };
      const rows = step === 'minutes' ? [] : [row];
      const first = Math.ceil(from / steps[step]);
      const periods = Array.from({ length: Math.ceil(to / steps[step]) - first }, (_, index) => ({
        at: (first + index) * steps[step],
        aggregates: { rows, users: {}, sessions: {} },
      }));
      loaded += periods.length;
      return periods;
    },
  } as AggregateReader;
  const stores = memoryStores();
  const search = new CallSearch({ ...stores, aggregates, retentionDays: 30, now: () => now });
  const page = await search.page({ from: start, to: now, tool: 'rare' }, { limit: 50 });
  expect(loaded).toBeLessThanOrEqual(420);
  expect(page).toEqual({ items: [], next: expect.any(String), searchedTo: expect.any(Number) });
  const next = await search.page({ from: start, to: now, tool: 'rare' }, { limit: 50, after: page.next });
  expect(next.searchedTo).toBeLessThan(page.searchedTo!);
});

describe('an overview', () => {
  const now = start + 2 * day;
  const at = (minutes: number, change: Partial<ToolCall> = {}) =>
    toolCall({
      id: `call-${minutes}`,
      at: now - 2 * hour + minutes * minute,
      session: 'ada-1',
      milliseconds: 20,
      ...change,
    });
  const calls = [
    at(1, { tool: 'search', bytesOut: 400, clientName: 'Codex', clientVersion: '1.1', protocolVersion: '2025-11-25' }),
    at(2, { tool: 'note', bytesOut: 2_000, milliseconds: 40, clientName: 'Codex', clientVersion: '1.2' }),
    at(3, { tool: 'search', milliseconds: 4_000, user: 'alan', session: 'alan-1', outcome: 'tool-error' }),
    at(4, { tool: undefined, method: 'resources/read', target: 'notes://diary', bytesOut: 600 }),
    at(-60, { tool: 'note' }),
  ];
  const parts = async (countedAt: number[]) => {
    const { stores, search } = await aggregatedStory({ calls, now, countedAt });
    return { ...stores, search, sessionTtlSeconds: 3600, now: () => now };
  };

  test.each([
    ['aggregated calls', [now]],
    ['calls that are not aggregated yet', []],
  ])('of %s has sizes, durations, versions, top users and resources', async (_, countedAt) => {
    const found = await overview(await parts(countedAt), { from: now - 2 * hour, to: now });
    expect(found.totals).toMatchObject({ calls: 4, answers: { average: 750, largest: 2_000 } });
    expect(found.histogram.filter((each) => each.calls > 0)).toEqual([
      { belowMilliseconds: 30, calls: 2 },
      { belowMilliseconds: 100, calls: 1 },
      { belowMilliseconds: 10_000, calls: 1 },
    ]);
    expect(found.groups.version).toEqual(['dcr_1', 'Codex 1.1', 'Codex 1.2']);
    expect(found.groups.protocol).toEqual(['', '2025-11-25']);
    expect(found.topUsers).toEqual([
      { user: 'ada', calls: 3, errors: 0 },
      { user: 'alan', calls: 1, errors: 1 },
    ]);
    expect(found.rows.tool.map(({ name }) => name)).toContain('resources/read notes://diary');
    const ofMethod = await overview(await parts(countedAt), { from: now - 2 * hour, to: now, tool: 'resources/read' });
    expect(ofMethod.totals.calls).toBe(1);
    expect(ofMethod.groups.version).toEqual([]);
  });

  test.each([
    ['aggregated calls', [now]],
    ['calls that are not aggregated yet', []],
  ])('of a tool has the tools before and after it in the sessions, of %s', async (_, countedAt) => {
    const filter = { from: now - 2 * hour, to: now, tool: 'note' };
    expect((await overview(await parts(countedAt), filter)).neighbours).toEqual({
      before: [{ name: 'search', calls: 1 }],
      after: [{ name: 'resources/read notes://diary', calls: 1 }],
    });
    expect(await overview(await parts(countedAt), { ...filter, client: 'Codex' })).not.toHaveProperty('neighbours');
  });

  test('of one user has the totals of as long a time before, and no top users', async () => {
    const found = await overview(await parts([now]), { from: now - 2 * hour, to: now, user: 'ada' });
    expect([found.totals.calls, found.previous?.calls, found.topUsers]).toEqual([3, 1, undefined]);
    const ofTool = await overview(await parts([now]), { from: now - 2 * hour, to: now, user: 'ada', tool: 'note' });
    expect([ofTool.totals.calls, ofTool.previous?.calls]).toEqual([1, 1]);
    expect(ofTool.neighbours?.before).toEqual([{ name: 'search', calls: 1 }]);
  });

  test('names no user whose calls are erased', async () => {
    const { calls: _, ...others } = await parts([now]);
    const found = await overview({ ...others, calls: memoryStores().calls }, { from: now - 2 * hour, to: now });
    expect(found.topUsers).toEqual([]);
  });
});

test('an overview has the totals of as long a time before', async () => {
  const now = start + 2 * day;
  const at = (hours: number, outcome: ToolCall['outcome']) =>
    toolCall({ id: `call-${hours}`, at: now - hours * hour, session: 'ada-1', outcome });
  const calls = [at(1, 'success'), at(2, 'success'), at(30, 'tool-error'), at(31, 'success'), at(32, 'success')];
  const { stores, search } = await aggregatedStory({ calls, now, countedAt: [now] });
  const parts = { ...stores, search, sessionTtlSeconds: 3600, now: () => now };
  const { totals, previous } = await overview(parts, { from: now - day, to: now });
  expect([totals.calls, totals.errors]).toEqual([2, 0]);
  expect(previous).toMatchObject({ calls: 3, errors: 1, users: 1, sessions: 1 });
  expect(await overview(parts, { from: now - day, to: now, tool: 'none' })).not.toHaveProperty('previous');
});
