import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { usualTraffic } from '../../bench/cost/assumed-traffic.ts';
import { dollarsOf, freeLines, type Line, SPAN_BYTES, sumOf } from '../../bench/cost/bill.ts';
import { asMarkdown } from '../../bench/cost/cost-markdown.ts';
import { report } from '../../bench/cost/cost-report-data.ts';
import { writeUnits } from '../../bench/cost/dynamodb-units.ts';
import { comparable, type Measurement, savedText, works } from '../../bench/cost/measured-work.ts';
import { readStack } from '../../bench/cost/priced-stack.ts';
import { type PriceName, prices } from '../../bench/cost/prices.ts';
import { assemblyOfSources } from '../../bench/harness/assembly.ts';
import { spanOf } from '../../lambda/core/telemetry/call-span.ts';
import type { Item } from '../../local/dynamodb/dynamodb-store.ts';
import { deployments, synthesize } from '../support/synthesized-template.ts';
import { toolCall } from '../support/tool-call-builder.ts';

jest.setTimeout(60_000);

const root = join(__dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const measured: Measurement = JSON.parse(read('bench/cost/measured.json'));
/** The default of `bin/holdfast.ts`. */
const stack = readStack(synthesize({ upstreamTokens: true }));
const program = (...options: string[]) =>
  spawnSync(process.execPath, ['bench/cost-report.ts', ...options], { cwd: root, encoding: 'utf8' });

const within = (value: number, share: number) => ({ from: value * (1 - share), to: value * (1 + share) });
const line = (lines: Line[], what: string) => lines.find((each) => each.what === what)!;

describe('the saved measurement', () => {
  let folder: string;
  let now: Measurement;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-cost-'));
    const file = join(folder, 'measured.json');
    const { status, stderr } = program('--assembly', await assemblyOfSources(), '--save', file);
    expect([status, stderr]).toEqual([0, '']);
    now = JSON.parse(readFileSync(file, 'utf8'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  // After an intended change, measure again: npm run bench:cost -- --save bench/cost/measured.json
  test.each(Object.keys(works) as (keyof typeof works)[])('equals the requests of the local emulator: %s', (name) => {
    expect(comparable(now.works[name])).toEqual(comparable(measured.works[name]));
    const sizes = ({ reads, writes }: Measurement['works'][typeof name]) =>
      [...reads, ...writes].map(({ bytes }) => bytes);
    const saved = sizes(measured.works[name]);
    for (const [index, bytes] of sizes(now.works[name]).entries()) {
      const { from, to } = within(saved[index]!, 0.05);
      expect(bytes).toBeGreaterThanOrEqual(from);
      expect(bytes).toBeLessThanOrEqual(to);
    }
  });

  test('has the format in which the program saves it', () =>
    expect(read('bench/cost/measured.json')).toBe(savedText(measured)));

  test('has the indexes of the table', () => expect(now.indexes).toEqual(stack.indexes));
});

test('docs/cost.md has the output of npm run bench:cost -- --markdown', () => {
  const usual = report(stack, measured, usualTraffic);
  const body = asMarkdown(usual, stack, report(stack, measured, usualTraffic, true));
  expect(read('docs/cost.md')).toBe(`# Cost\n\n${body}\n`);
});

describe('a cost report', () => {
  const usual = report(stack, measured, usualTraffic);

  test('states the price of a million calls with CloudFront and initializations, within the budget', () => {
    expect(usual.budget.ours).toBeCloseTo(5.95, 2);
    expect(usual.budget.met).toBe(true);
    expect(line(usual.calls, 'CloudFront').uses).toEqual([{ price: 'edgeRequests', quantity: 1_000_000 }]);
  });

  test('charges the extension of a session for every tenth burst, and for every burst after a longer pause', () => {
    const extended = (minutes: number) =>
      dollarsOf(
        line(
          report(stack, measured, { ...usualTraffic, 'minutes-per-burst': minutes }).calls,
          'DynamoDB, extensions of sessions',
        ),
      );
    expect(extended(60)).toBeCloseTo(100_000 * 4 * (0.625 / 1e6), 6);
    expect(extended(6)).toBeCloseTo(extended(60) / 10, 6);
  });

  test('charges initializations by the durations of their functions', () => {
    const { uses } = line(usual.calls, 'Lambda, initialization (estimated)');
    const { Mcp, Authorizer } = stack.functions;
    expect(uses).toEqual([
      { price: 'armGigabyteSeconds', quantity: 10_000 * (0.3 * Mcp!.gigabytes + 0.2 * Authorizer!.gigabytes) },
    ]);
  });

  test('charges the export of telemetry with the setting alone', () => {
    const exporting = readStack(
      synthesize({ upstreamTokens: true, telemetry: { endpoint: 'https://otlp.example.com' } }),
    );
    const lines = ['schedule of the export of telemetry', 'export of telemetry'];
    const whatOf = ({ idle, others }: typeof usual) => [...idle, ...others].map(({ what }) => what);
    expect(whatOf(usual)).toEqual(expect.not.arrayContaining(lines));
    const exported = report(exporting, measured, usualTraffic);
    expect(whatOf(exported)).toEqual(expect.arrayContaining(lines));
    expect(exported.idleSum - usual.idleSum).toBeCloseTo(usual.telemetry.idle, 9);
    expect(exported.othersSum - usual.othersSum).toBeCloseTo(usual.telemetry.others, 9);
  });

  test('takes the span of a call as long as it is exported', async () => {
    const call = toolCall({
      ...{ id: 'x'.repeat(22), at: 1_800_000_000_000, session: 'x'.repeat(22), client: `https://${'x'.repeat(40)}` },
      ...{ clientName: 'Claude Code', clientVersion: '2.1.3', protocolVersion: '2025-11-25', messageId: '12' },
    });
    const bytes = JSON.stringify(await spanOf(call, { users: false })).length;
    const { from, to } = within(SPAN_BYTES, 0.1);
    expect(bytes).toBeGreaterThan(from);
    expect(bytes).toBeLessThan(to);
  });

  test('charges a second write for the first call of a burst, at most one for each call', () => {
    const recorded = (traffic: Partial<typeof usualTraffic>) =>
      dollarsOf(line(report(stack, measured, { ...usualTraffic, ...traffic }).calls, 'DynamoDB, audit log'));
    expect(recorded({})).toBeCloseTo(1.1 * 0.625, 6);
    expect(recorded({ 'calls-per-burst': 1 })).toBeCloseTo(2 * 0.625, 6);
  });

  test('charges the platform log lines of Lambda only where they are enabled', () => {
    const verbose = readStack(synthesize({ upstreamTokens: true, lambdaSystemLogs: true }));
    const logs = (each: typeof stack) => dollarsOf(line(report(each, measured, usualTraffic).calls, 'logs'));
    expect(logs(verbose) - logs(stack)).toBeCloseTo(0.16, 2);
  });

  test('increases with calls, except for idle costs', () => {
    const twice = report(stack, measured, { ...usualTraffic, 'calls-per-month': 2_000_000 });
    expect(twice.callsSum).toBeCloseTo(2 * usual.callsSum, 6);
    expect(twice.idleSum).toBe(usual.idleSum);
    const none = report(stack, measured, { ...usualTraffic, 'calls-per-month': 0, 'sign-ins-per-month': 0 });
    expect(none.callsSum).toBe(0);
  });

  test('includes the duration of tools and the given memory', () => {
    const slow = report(stack, measured, { ...usualTraffic, 'tool-milliseconds': 980, memory: 1024 });
    // 1 M × 1 s × 1 GB.
    expect(dollarsOf(line(slow.calls, 'Lambda, MCP function'))).toBeCloseTo(0.2 + 13.33, 2);
  });

  test('charges the authorizer for each call if its result is not cached', () => {
    const forgetful = { ...stack, authorizerCacheSeconds: 0 };
    expect(line(report(forgetful, measured, usualTraffic).calls, 'Lambda, authorizer').uses).toContainEqual({
      price: 'functionRequests',
      quantity: 1_000_000,
    });
  });

  test('contains the resources of the stack: alarms and dashboard of prod, the firewall, no CloudFront with a domain', () => {
    const [, , [, props]] = deployments as [unknown, unknown, [string, object]];
    const prod = report(readStack(synthesize(props)), measured, usualTraffic);
    expect(prod.idle.map((each) => [each.what, Number(dollarsOf(each).toFixed(2))])).toEqual([
      ['KMS keys', 2],
      ['alarms', 1],
      ['dashboard of CloudWatch', 3],
      ['firewall', 10],
      ['client secret', 0.4],
      ['schedule of the aggregation job', 0.02],
      ['schedule of revocations at the identity provider', 0.03],
    ]);
    expect(prod.others.map(({ what }) => what)).toEqual(expect.arrayContaining(['firewall', 'data transfer']));
    expect([...prod.calls, ...prod.others].map(({ what }) => what).join()).not.toContain('CloudFront');
  });

  test('deducts at most the used and at most the free quantity', () => {
    const lines: Line[] = [
      { what: 'much', uses: [{ price: 'functionRequests', quantity: 3_000_000 }] },
      { what: 'little', uses: [{ price: 'logs', quantity: 1 }] },
    ];
    const free = freeLines(lines);
    expect(free.map(({ uses }) => uses[0]!.quantity)).toEqual([-1_000_000, -1]);
    expect(sumOf([...lines, ...free])).toBeCloseTo(0.4, 6);
  });

  test('rejects a measurement of another table', () => {
    expect(() => report({ ...stack, indexes: ['byUser'] }, measured, usualTraffic)).toThrow(/measure again/);
  });
});

test('every price names its page of AWS', () => {
  for (const name of Object.keys(prices) as PriceName[]) {
    expect(prices[name].source).toMatch(/^https:\/\/aws\.amazon\.com\/[\w/-]+\/$/);
  }
});

describe('write units', () => {
  const indexes = [{ name: 'recent', hash: 'hash', range: 'range' }];
  const item = (bytes: number, keys: Record<string, string> = {}): Item => ({
    x: { S: 'x'.repeat(bytes) },
    ...Object.fromEntries(Object.entries(keys).map(([name, S]) => [name, { S }])),
  });
  const listed = (range: string, bytes = 500) => item(bytes, { hash: 'a', range });

  test.each<[string, Item | undefined, Item | undefined, 1 | 2, Record<string, number>]>([
    ['of a small item', undefined, item(100), 1, { table: 1 }],
    ['of one over a kilobyte', undefined, item(1100), 1, { table: 2 }],
    ['of one that was larger', item(2100), item(100), 1, { table: 3 }],
    ['of what was not there', undefined, undefined, 1, { table: 1 }],
    ['in an index', undefined, listed('1'), 1, { table: 1, recent: 1 }],
    ['in an index, with the same key', listed('1'), listed('1'), 1, { table: 1, recent: 1 }],
    ['in an index, with another key', listed('1'), listed('2'), 1, { table: 1, recent: 2 }],
    ['out of an index', listed('1'), item(100), 1, { table: 1, recent: 1 }],
    ['in a transaction, in which indexes have no part', undefined, listed('1', 1100), 2, { table: 4, recent: 2 }],
  ])('%s', (_what, before, after, factor, units) => {
    expect(writeUnits(before, after, indexes, factor)).toEqual(units);
  });
});

test.each([
  [['--calls-per-month', 'many'], /--calls-per-month is "many": use a number of 0 or more/],
  [['--calls-per-token', '0'], /--calls-per-token is "0": use a number of 1 or more/],
  [['--what'], /Unknown option '--what'/],
])('rejects invalid options: %j', (options, message) => {
  const { status, stderr } = program(...(options as string[]));
  expect(status).toBe(1);
  expect(stderr).toMatch(message as RegExp);
});
