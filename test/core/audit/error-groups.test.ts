import { ErrorGroupBuilder, mergeErrors, usersIn } from '../../../lambda/core/audit/error-groups.ts';
import { OTHERS, type ToolCall } from '../../../lambda/core/audit/tool-call.ts';
import { toolCall } from '../../support/tool-call-builder.ts';

async function grouped(calls: Partial<ToolCall>[]) {
  const builder = new ErrorGroupBuilder();
  for (const [index, call] of calls.entries()) {
    builder.add(toolCall({ id: `c${index}`, at: 1000 + index, outcome: 'tool-error', ...call }));
  }
  return builder.aggregates();
}

test('errors without a fingerprint are grouped by tool and outcome, and other calls are no errors', async () => {
  const { groups } = await grouped([
    { outcome: 'invalid-arguments' },
    { outcome: 'invalid-arguments' },
    { outcome: 'unknown-tool', tool: 'nope' },
    { outcome: 'success' },
    { outcome: 'cancelled' },
  ]);
  expect(groups.map(({ tool, outcome, calls }) => [tool, outcome, calls])).toEqual([
    ['note', 'invalid-arguments', 2],
    ['nope', 'unknown-tool', 1],
  ]);
});

test('a group has the line of its latest call, since a deployment may move it', async () => {
  const one = { errorFingerprint: 'f', errorPlace: 'src/notes.ts:7' };
  const { groups } = await grouped([one, { ...one, errorPlace: 'src/notes.ts:9' }, { ...one, at: 1 }]);
  expect(groups).toMatchObject([{ errorPlace: 'src/notes.ts:9', calls: 3, firstAt: 11, lastAt: 1011 }]);
});

test('the groups and calls of a period are bounded, and the rest is counted together', async () => {
  const calls = Array.from({ length: 400 }, (_, index) => ({
    outcome: 'unknown-tool' as const,
    tool: `made-up-${index % 100}`,
    user: `user ${index}`,
  }));
  const aggregates = await grouped(calls);
  expect(aggregates.groups).toHaveLength(61);
  expect(aggregates.groups.at(-1)).toMatchObject({ tool: OTHERS, calls: 160 });
  expect(usersIn(aggregates.groups.at(-1)!)).toMatchObject({ isEstimate: true });
  expect(aggregates.calls).toHaveLength(400);
  expect(aggregates.groups[aggregates.calls!.find(([, , call]) => call.endsWith('#c99'))![0]]!.tool).toBe(OTHERS);
  expect(JSON.stringify(mergeErrors([aggregates, aggregates])).length).toBeLessThan(60_000);
  expect(mergeErrors([aggregates, aggregates]).groups.reduce((sum, each) => sum + each.calls, 0)).toBe(800);
  expect((await grouped([...calls, ...calls])).calls).toBeUndefined();
});
