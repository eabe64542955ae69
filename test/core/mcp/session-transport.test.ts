import { McpServer } from '@modelcontextprotocol/server';
import { SessionTransport } from '../../../lambda/core/mcp/legacy/session-transport.ts';

/** A transport whose execution has completed. */
async function completeExecution() {
  const server = new McpServer({ name: 'test', version: '1' });
  let sendLate: (() => Promise<unknown>) | undefined;
  server.registerTool('complete', {}, async ({ mcpReq }) => {
    sendLate = () => mcpReq.send({ method: 'ping' });
    return { content: [] };
  });
  const sent: object[] = [];
  const transport = new SessionTransport('session', new Map(), (outgoing) => sent.push(outgoing));
  await transport.connect(server);
  transport.deliver([{ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'complete' } }], {});
  await new Promise((resolve) => setTimeout(resolve));
  return { server, transport, sent, sendLate: () => sendLate!() };
}

test('a request that a tool sends after its call has completed is rejected at once', async () => {
  const { transport, sent, sendLate } = await completeExecution();
  expect(sent.length).toBe(1);
  await transport.close();
  await expect(sendLate()).rejects.toThrow('already completed');
  expect(sent.length).toBe(1);
});

test('a notification that a server sends after its execution has completed is dropped', async () => {
  const { server, transport, sent } = await completeExecution();
  await transport.close();
  server.sendToolListChanged();
  await new Promise((resolve) => setTimeout(resolve));
  expect(sent.length).toBe(1);
});

test('onclose of the server is called once', async () => {
  const { server, transport } = await completeExecution();
  let closes = 0;
  server.server.onclose = () => {
    closes++;
  };
  await transport.close();
  await transport.close();
  expect(closes).toBe(1);
});
