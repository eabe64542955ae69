import { CallWatch } from '../../cli/target/call-watch.ts';
import { memoryStores } from '../../lambda/adapters/memory/memory-stores.ts';
import { BUCKET_MILLISECONDS, type ToolCall } from '../../lambda/core/audit/tool-call.ts';

/** Calls as they come, at a server that has few and at one that has many. */

const start = 1_000 * BUCKET_MILLISECONDS;
let count = 0;
const call = (change: Partial<ToolCall>): ToolCall => ({
  id: `c${String(count++).padStart(6, '0')}`,
  at: start,
  user: 'ada',
  client: 'client',
  grant: 'g',
  session: 's',
  era: 'modern',
  method: 'tools/call',
  tool: 'note',
  outcome: 'success',
  milliseconds: 10,
  bytesIn: 1,
  bytesOut: 1,
  ...change,
});

function watched(filter: { user?: string; tool?: string } = {}) {
  const { calls } = memoryStores();
  const watch = new CallWatch(calls, { from: start, ...filter });
  const record = (each: ToolCall) => calls.recordCall(each, Number.MAX_SAFE_INTEGER);
  return { record, look: async (now: number) => (await watch.look(now)).map(({ id }) => id) };
}

test('each call is seen once, in the order they ended', async () => {
  const { record, look } = watched();
  const [first, second] = [call({ at: start + 1, milliseconds: 500 }), call({ at: start + 2 })];
  await record(first);
  await record(second);
  expect(await look(start + 1000)).toEqual([second.id, first.id]);
  expect(await look(start + 3000)).toEqual([]);
});

test('calls that had ended before, and those of others, are not seen', async () => {
  const { record, look } = watched({ user: 'ada', tool: 'note' });
  await record(call({ at: start - 100, milliseconds: 50 }));
  await record(call({ user: 'alan' }));
  await record(call({ tool: 'whoami' }));
  const ours = call({});
  await record(ours);
  expect(await look(start + 1000)).toEqual([ours.id]);
});

test('a call is seen that ended just before the five minutes were over, and is recorded after', async () => {
  const { record, look } = watched();
  expect(await look(start + BUCKET_MILLISECONDS + 500)).toEqual([]);
  const late = call({ at: start + BUCKET_MILLISECONDS - 50 });
  await record(late);
  expect(await look(start + BUCKET_MILLISECONDS + 2500)).toEqual([late.id]);
});

test('among many calls, one that took long is seen when the five minutes are over', async () => {
  const { record, look } = watched();
  for (let index = 0; index < 250; index++) await record(call({ at: start + 100_000 + index }));
  expect(await look(start + 101_000)).toHaveLength(250);
  const long = call({ at: start - 60_000, milliseconds: 200_000 });
  await record(long);
  expect(await look(start + 141_000)).toEqual([]);
  expect(await look(start + 2 * BUCKET_MILLISECONDS)).toEqual([long.id]);
  expect(await look(start + 2 * BUCKET_MILLISECONDS + 2000)).toEqual([]);
});
