import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createTestServer } from 'holdfast/testing';
import { createServer } from '../src/server.ts';

const server = createTestServer({ createServer });
after(() => server.close());

test('add_item keeps a list for each user', async () => {
  const ada = await server.connect({ user: 'ada' });
  await ada.callTool({ name: 'add_item', arguments: { item: 'lemons' } });
  const list = await ada.callTool({ name: 'add_item', arguments: { item: 'tea' } });
  assert.deepEqual(list.content, [{ type: 'text', text: 'lemons\ntea' }]);

  const alan = await server.connect({ user: 'alan' });
  const other = await alan.callTool({ name: 'add_item', arguments: { item: 'bread' } });
  assert.deepEqual(other.content, [{ type: 'text', text: 'bread' }]);
});

// A tool is written once for clients of both protocol eras.
for (const era of ['modern', 'legacy'] as const) {
  test(`clear_list deletes the list after the user has confirmed (${era})`, async () => {
    const client = await server.connect({
      user: 'grace',
      era,
      elicit: () => ({ action: 'accept', content: { clear: true } }),
    });
    await client.callTool({ name: 'add_item', arguments: { item: 'lemons' } });
    const { content } = await client.callTool({ name: 'clear_list' });
    assert.deepEqual(content, [{ type: 'text', text: 'The list is empty.' }]);
  });
}
