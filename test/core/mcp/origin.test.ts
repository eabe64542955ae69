import { McpServer } from '@modelcontextprotocol/server';
import { Processes } from '../../support/mcp-processes.ts';

/** The `Origin` header (MCP 2025-11-25 and 2026-07-28, Streamable HTTP, security). */

const createServer = () => new McpServer({ name: 'any', version: '1' }, { capabilities: { tools: {} } });

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
});

async function statusFrom(origin: string | undefined, allowedOrigins?: string[]): Promise<number> {
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
  'a request from the origin %s is accepted',
  async (origin) => expect(await statusFrom(origin)).toBe(200),
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
])('a request from the origin %j is rejected', async (origin) => expect(await statusFrom(origin)).toBe(403));

test('with allowed origins, only requests from these and requests without an origin are accepted', async () => {
  const allowedOrigins = ['https://inspector.example.com'];
  expect(await statusFrom('https://inspector.example.com', allowedOrigins)).toBe(200);
  expect(await statusFrom(undefined, allowedOrigins)).toBe(200);
  for (const origin of ['https://claude.ai', 'http://localhost:6274', 'https://inspector.example.com.evil.example']) {
    expect(await statusFrom(origin, allowedOrigins)).toBe(403);
  }
});

test.each(['GET', 'DELETE'])('%s from a rejected origin is rejected too', async (method) => {
  const processes = new Processes({ createServer });
  const fetch = processes.fetchAs(await processes.callerOf('ada'));
  expect((await fetch(processes.url, { method, headers: { origin: 'http://evil.example' } })).status).toBe(403);
});
