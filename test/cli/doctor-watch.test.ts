import { watchDeployment } from '../../cli/doctor/doctor-watch.ts';
import { type Finding, fail, note, ok } from '../../cli/doctor/finding.ts';
import { fakeClock } from '../support/fake-clock.ts';

/** `holdfast doctor --watch`. */

const broken = fail('keys', 'missing', { why: 'No token is verified.', mend: 'Deploy again.' });

/** Watches a deployment with these findings, one list a round, and ends the watch after them. */
async function watched(rounds: Finding[][], json = true) {
  const clock = fakeClock();
  const interruption = new AbortController();
  const lines: string[] = [];
  const checkedAt: number[] = [];
  const watching = watchDeployment({
    url: 'https://mcp.example.com/mcp',
    check: async () => {
      const findings = rounds[checkedAt.length];
      if (findings === undefined) interruption.abort();
      checkedAt.push(clock.now());
      return findings ?? [];
    },
    print: (line) => lines.push(line),
    clock,
    signal: interruption.signal,
    pauseMilliseconds: 60_000,
    json,
  });
  const hasFailed = await clock.until(watching, { limit: 3_600_000 });
  return { hasFailed, lines, pauses: checkedAt.slice(1).map((at, index) => at - checkedAt[index]!) };
}

test('a watch prints its first round, and then each check whose verdict changes', async () => {
  const healthy = [ok('keys', '1'), note('times', '1 ms')];
  const { lines } = await watched([healthy, healthy, [broken, note('times', '2 ms')], [broken], [ok('keys', '2')]]);
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { time: expect.any(Number), url: 'https://mcp.example.com/mcp', ok: true, changes: [] },
    { time: expect.any(Number), url: 'https://mcp.example.com/mcp', ok: false, changes: [broken] },
    { time: expect.any(Number), url: 'https://mcp.example.com/mcp', ok: true, changes: [ok('keys', '2')] },
  ]);
});

test('a watch reports the recovery of a check that was absent in between', async () => {
  const unreachable = fail('reachable', 'ECONNREFUSED', { why: 'No server answers.', mend: 'Start it.' });
  const { lines } = await watched([[broken], [unreachable], [ok('reachable', ''), ok('keys', '1')]]);
  const changes = lines.map((line) =>
    JSON.parse(line).changes.map(({ check, verdict }: Finding) => `${verdict} ${check}`),
  );
  expect(changes).toEqual([['fail keys'], ['fail reachable'], ['ok reachable', 'ok keys']]);
});

test('a watch pauses between its rounds', async () => {
  expect((await watched([[], [], []])).pauses).toEqual([60_000, 60_000, 60_000]);
});

test('a watch prints the remedy of a problem', async () => {
  const { lines } = await watched([[broken]], false);
  expect(lines).toEqual([
    expect.stringMatching(/^2026-01-01 \d\d:\d\d:00 {2}0 ok, 0 warnings, 1 failed\n {2}FAIL .*keys.*Do: {2}Deploy/s),
  ]);
});

test.each<[string, Finding[][], boolean | undefined]>([
  ['a failure', [[ok('keys', '1')], [broken]], true],
  ['success', [[broken], [ok('keys', '1')]], false],
  ['no complete round', [], undefined],
])('the result of a watch is that of its last round: %s', async (_what, rounds, expected) => {
  expect((await watched(rounds)).hasFailed).toBe(expected);
});
