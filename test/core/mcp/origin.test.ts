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

test.each([
  undefined,
  'https://claude.ai',
  'http://localhost:6274',
  'http://127.0.0.1:6274',
  'http://[::1]:80',
  'http://tauri.localhost',
  'chrome-extension://fmkadmapgofadopljbjfkapdkoienihi',
  'moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc',
  'safari-web-extension://6A5B8F1E-0D5A-4C1C-9C33-3C1B8C4D2E5F',
  'vscode-webview://1a2b3c',
  'vscode-file://vscode-app',
  'tauri://localhost',
  'capacitor://localhost',
  'app://obsidian.md',
  'app://',
])('a request from the origin %s is accepted', async (origin) => expect(await statusFrom(origin)).toBe(200));

test.each([
  'null',
  'http://evil.example',
  'http://localhost.evil.example',
  'http://127.0.0.1.evil.example:8787',
  'http://192.168.0.1',
  'file://',
  'file:///home/ada',
  'ftp://evil.example',
  'http://evil.example/.localhost',
  'http://localhost.',
  'http://tauri.localhost.evil.example',
  'app://obsidian.md/path',
  'app:obsidian.md',
  'data:text/html',
  'https:evil',
  '',
])('a request from the origin %j is rejected', async (origin) => expect(await statusFrom(origin)).toBe(403));

test('allowed origins are accepted in addition to those that are accepted without them', async () => {
  const allowedOrigins = ['http://intranet.example:8080'];
  const accepted = [...allowedOrigins, undefined, 'https://claude.ai', 'http://localhost:6274', 'app://obsidian.md'];
  for (const origin of accepted) expect(await statusFrom(origin, allowedOrigins)).toBe(200);
  for (const origin of ['http://intranet.example', 'http://intranet.example:8080.evil.example', 'null']) {
    expect(await statusFrom(origin, allowedOrigins)).toBe(403);
  }
});

test.each(['GET', 'DELETE'])('%s from a rejected origin is rejected too', async (method) => {
  const processes = new Processes({ createServer });
  const fetch = processes.fetchAs(await processes.callerOf('ada'));
  expect((await fetch(processes.url, { method, headers: { origin: 'http://evil.example' } })).status).toBe(403);
});
