import { McpServer } from '@modelcontextprotocol/server';
import { Processes } from '../../support/mcp-processes.ts';

/** Which web pages may call (MCP 2025-11-25 and 2026-07-28, Streamable HTTP, security). */

const createServer = () => new McpServer({ name: 'any', version: '1' }, { capabilities: { tools: {} } });

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'page', version: '1' } },
});

async function from(origin: string | undefined, allowedOrigins?: string[]): Promise<number> {
  const processes = new Processes({ createServer, allowedOrigins });
  const fetch = processes.fetchAs(await processes.callerOf('ada'));
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    ...(origin !== undefined && { origin }),
  };
  return (await fetch(processes.url, { method: 'POST', headers, body: initialize })).status;
}

test.each([undefined, 'https://claude.ai', 'http://localhost:6274', 'http://127.0.0.1:6274', 'http://[::1]:80'])(
  'a request from %s is answered',
  async (origin) => expect(await from(origin)).toBe(200),
);

test.each([
  'null',
  'http://evil.example',
  'http://localhost.evil.example',
  'http://127.0.0.1.evil.example:8787',
  'http://192.168.0.1',
  'file://',
  'chrome-extension://abc',
  'https:evil',
  '',
])('a request from %j is refused', async (origin) => expect(await from(origin)).toBe(403));

test('where origins are named, only these are answered, and programs that have none', async () => {
  const allowed = ['https://inspector.example.com'];
  expect(await from('https://inspector.example.com', allowed)).toBe(200);
  expect(await from(undefined, allowed)).toBe(200);
  for (const origin of ['https://claude.ai', 'http://localhost:6274', 'https://inspector.example.com.evil.example']) {
    expect(await from(origin, allowed)).toBe(403);
  }
});

test.each(['GET', 'DELETE'])('%s is refused as well', async (method) => {
  const processes = new Processes({ createServer });
  const fetch = processes.fetchAs(await processes.callerOf('ada'));
  expect((await fetch(processes.url, { method, headers: { origin: 'http://evil.example' } })).status).toBe(403);
});
