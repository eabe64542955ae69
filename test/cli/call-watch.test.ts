import { CallWatch } from '../../cli/target/call-watch.ts';
import { memoryStores } from '../../lambda/adapters/memory/memory-stores.ts';
import { BUCKET_MILLISECONDS, type ToolCall } from '../../lambda/core/audit/tool-call.ts';
import { toolCall } from '../support/tool-call-builder.ts';

const start = 1_000 * BUCKET_MILLISECONDS;
let count = 0;
const call = (change: Partial<ToolCall>): ToolCall =>
  toolCall({ id: `c${String(count++).padStart(6, '0')}`, at: start, ...change });

function watched(filter: { user?: string; tool?: string } = {}) {
  const { calls } = memoryStores();
  const watch = new CallWatch(calls, { from: start, ...filter });
  const record = (each: ToolCall) => calls.recordCall(each, Number.MAX_SAFE_INTEGER);
  return { record, poll: async (now: number) => (await watch.poll(now)).map(({ id }) => id) };
}

test('CallWatch returns each call once, in the order they ended', async () => {
  const { record, poll } = watched();
  const [first, second] = [call({ at: start + 1, milliseconds: 500 }), call({ at: start + 2 })];
  await record(first);
  await record(second);
  expect(await poll(start + 1000)).toEqual([second.id, first.id]);
  expect(await poll(start + 3000)).toEqual([]);
});

test('CallWatch omits calls that ended before it started, and those that the filter excludes', async () => {
  const { record, poll } = watched({ user: 'ada', tool: 'note' });
  await record(call({ at: start - 100, milliseconds: 50 }));
  await record(call({ user: 'alan' }));
  await record(call({ tool: 'whoami' }));
  const matching = call({});
  await record(matching);
  expect(await poll(start + 1000)).toEqual([matching.id]);
});

test('CallWatch returns a call that ended in the previous bucket and was stored later', async () => {
  const { record, poll } = watched();
  expect(await poll(start + BUCKET_MILLISECONDS + 500)).toEqual([]);
  const late = call({ at: start + BUCKET_MILLISECONDS - 50 });
  await record(late);
  expect(await poll(start + BUCKET_MILLISECONDS + 2500)).toEqual([late.id]);
});

test('CallWatch returns a long call among many when its bucket is settled', async () => {
  const { record, poll } = watched();
  for (let index = 0; index < 250; index++) await record(call({ at: start + 100_000 + index }));
  expect(await poll(start + 101_000)).toHaveLength(250);
  const long = call({ at: start - 60_000, milliseconds: 200_000 });
  await record(long);
  expect(await poll(start + 141_000)).toEqual([]);
  expect(await poll(start + 2 * BUCKET_MILLISECONDS)).toEqual([long.id]);
  expect(await poll(start + 2 * BUCKET_MILLISECONDS + 2000)).toEqual([]);
});
