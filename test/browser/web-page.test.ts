import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSync } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../support/chromium.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** A client that is a web page of another origin, as the MCP Inspector is, and the limits of CORS on it. */

jest.setTimeout(120_000);

/** Connects with the official client, and returns what it received from the server. */
const script = `
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
globalThis.use = async ({ url, token, mode }) => {
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { Authorization: 'Bearer ' + token } },
  });
  const client = new Client({ name: 'page', version: '1' }, { versionNegotiation: { mode } });
  await client.connect(transport);
  const { tools } = await client.listTools();
  const answer = await client.callTool({ name: 'whoami' });
  const progress = [];
  await client.callTool({ name: 'slow_task', arguments: { steps: 2 } }, { onprogress: ({ progress: at }) => progress.push(at) });
  const { sessionId } = transport;
  await client.close();
  return { tools: tools.map(({ name }) => name), text: answer.content[0].text, progress, sessionId };
};
globalThis.challenge = async (url) => {
  const { status, headers } = await fetch(url, { method: 'POST', headers: { 'Mcp-Param-Region': 'eu' } });
  return { status, challenge: headers.get('www-authenticate') };
};
`;

describe('a web page of another origin', () => {
  let target: TestCloud;
  let site: Server;
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    target = await TestCloud.start();
    const bundled = buildSync({
      stdin: { contents: script, resolveDir: __dirname, loader: 'js' },
      bundle: true,
      format: 'esm',
      platform: 'browser',
      write: false,
    }).outputFiles[0]!.text;
    site = createServer((request, response) => {
      const isScript = request.url === '/page.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(
        isScript ? bundled : '<!doctype html><title>Page</title><script type="module" src="/page.js"></script>',
      );
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    browser = await launchChromium();
    page = await browser.newPage();
    await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/`);
    await page.waitForFunction('globalThis.use !== undefined');
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
    await target?.stop();
  });

  test.each(['legacy', 'auto'])('a page connects, calls tools and receives their progress (%s)', async (mode) => {
    const { tokens } = await target.signedIn();
    const given = { url: `${target.origin}/mcp`, token: tokens.access_token, mode };
    const { tools, text, progress, sessionId } = await page.evaluate(
      (options) => (globalThis as unknown as { use(o: object): Promise<Record<string, never>> }).use(options),
      given,
    );
    expect(tools).toContain('whoami');
    expect(JSON.parse(text!)).toMatchObject({ scopes: ['mcp'] });
    expect(progress).toEqual([1, 2]);
    expect(typeof sessionId).toBe(mode === 'legacy' ? 'string' : 'undefined');
  });

  test('a page reads the 401 challenge, also after a request with an Mcp-Param header', async () => {
    const answer = await page.evaluate(
      (url) => (globalThis as unknown as { challenge(u: string): Promise<object> }).challenge(url),
      `${target.origin}/mcp`,
    );
    expect(answer).toEqual({ status: 401, challenge: expect.stringContaining('resource_metadata=') });
  });
});
