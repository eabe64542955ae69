import { McpServer } from '@modelcontextprotocol/server';
import { SessionTransport } from '../../../lambda/core/mcp/legacy/session-transport.ts';

/** The SDK's end of a session, when its run is over. */

async function answered() {
  const server = new McpServer({ name: 'test', version: '1' });
  let late: (() => Promise<unknown>) | undefined;
  server.registerTool('leaves', {}, async ({ mcpReq }) => {
    late = () => mcpReq.send({ method: 'ping' });
    return { content: [] };
  });
  const said: object[] = [];
  const transport = new SessionTransport('session', new Map(), (outgoing) => said.push(outgoing));
  await transport.connect(server);
  transport.deliver([{ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'leaves' } }], {});
  await new Promise((resolve) => setTimeout(resolve));
  return { server, transport, said, late: () => late!() };
}

test('an elicitation after the end of its call fails at once', async () => {
  const { transport, said, late } = await answered();
  expect(said.length).toBe(1);
  await transport.close();
  await expect(late()).rejects.toThrow('already completed');
  expect(said.length).toBe(1);
});

test('a notification after the end of the execution is dropped', async () => {
  const { server, transport, said } = await answered();
  await transport.close();
  server.sendToolListChanged();
  await new Promise((resolve) => setTimeout(resolve));
  expect(said.length).toBe(1);
});

test('onclose of the owner is called once at the end', async () => {
  const { server, transport } = await answered();
  let ends = 0;
  server.server.onclose = () => {
    ends++;
  };
  await transport.close();
  await transport.close();
  expect(ends).toBe(1);
});
