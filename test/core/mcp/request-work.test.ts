import { McpServer } from '@modelcontextprotocol/server';
import { memoryPipeline } from '../../../lambda/adapters/memory/memory-pipeline.ts';
import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { signedInCaller } from '../../../lambda/adapters/memory/signed-in-caller.ts';
import { McpRequest } from '../../../lambda/core/mcp/mcp-http.ts';
import { handleMcpRequest } from '../../../lambda/core/mcp/pipeline.ts';
import { fakeClock } from '../../support/fake-clock.ts';

/** The execution environment may freeze when the work of a request is done. */

const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };

/** A request whose tool and whose slide of the session wait until they are ended. */
async function slidingRequest() {
  const clock = fakeClock();
  const stores = memoryStores();
  const [tool, slide] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const createServer = () => {
    const server = new McpServer({ name: 'waiting', version: '1' }, { capabilities: { logging: {} } });
    server.registerTool('wait', {}, async ({ mcpReq }) => {
      await mcpReq.log('info', 'begun');
      await tool.promise;
      return { content: [] };
    });
    return server;
  };
  const slideSession = stores.sessions.slide;
  stores.sessions.slide = async (...given) => {
    await slide.promise;
    await slideSession(...given);
  };
  const pipeline = memoryPipeline({
    createServer,
    stores,
    key: crypto.subtle.importKey('raw', new Uint8Array(32), 'AES-GCM', false, ['encrypt', 'decrypt']),
    starter: { start: async () => undefined },
    scopes: { scopes: { mcp: { description: 'Use it' } }, tools: {} },
    publicUrl: 'https://mcp.example',
    clock,
    log: () => undefined,
    secrets: { get: async () => '' },
  });
  const send = async (method: string, params: object, headers: object = {}) => {
    const caller = await signedInCaller(stores.grants, 'ada', clock.now() / 1000);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
    const request = new McpRequest('https://mcp.example/mcp', {
      method: 'POST',
      headers: { ...json, ...headers },
      body,
    });
    return handleMcpRequest(pipeline, request, caller);
  };
  const client = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  const { response } = await clock.until(send('initialize', client));
  const session = { 'Mcp-Session-Id': response.headers.get('mcp-session-id') };
  await clock.advance(2 * 3600 * 1000);
  const pending = await clock.until(send('tools/call', { name: 'wait' }, session));
  const read = pending.response.text();
  let isDone = false;
  void pending.done?.then(() => {
    isDone = true;
  });
  return {
    /** Ends the tool, and with it the response. */
    async endTool() {
      tool.resolve();
      await clock.until(read);
      await clock.advance(0);
    },
    async endSlide() {
      slide.resolve();
      await clock.advance(0);
    },
    isDone: () => isDone,
  };
}

test('a request is not done before the slide of its session is stored', async () => {
  const request = await slidingRequest();
  await request.endTool();
  expect(request.isDone()).toBe(false);
  await request.endSlide();
  expect(request.isDone()).toBe(true);
});

test('a request is not done before its tool has ended', async () => {
  const request = await slidingRequest();
  await request.endSlide();
  expect(request.isDone()).toBe(false);
  await request.endTool();
  expect(request.isDone()).toBe(true);
});
