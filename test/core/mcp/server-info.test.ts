import { type Implementation, McpServer } from '@modelcontextprotocol/server';
import { initialize, modern } from '../../../bench/gateway-events.ts';
import { Processes } from '../../support/mcp-processes.ts';

/** The server as clients show it: the owner's description of it, completed by the name and icon of the deployment. */

const icon = 'data:image/png;base64,AAAA';
const branding = { name: 'Acme Notes', icon };

type Answer = { result: { serverInfo?: Implementation; _meta?: Record<string, Implementation> } };

/** The description of the server in the response to a request. */
async function infoIn(method: string, info: Implementation, given: object = branding): Promise<Implementation> {
  const createServer = () => {
    const server = new McpServer(info);
    server.registerTool('ping', {}, async () => ({ content: [] }));
    return server;
  };
  const processes = new Processes({ createServer, branding: given });
  const message = method === 'initialize' ? initialize : modern({ method, params: {} });
  const response = await processes.fetchAs(await processes.callerOf('ada'))(processes.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(method !== 'initialize' && { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
  });
  const text = await response.text();
  const { result } = JSON.parse(/\{.*"result".*\}/.exec(text)![0]) as Answer;
  return result.serverInfo ?? result._meta!['io.modelcontextprotocol/serverInfo']!;
}

const own = { name: 'notes', version: '1.0.0' };

describe.each(['initialize', 'server/discover'])('the response to %s', (method) => {
  test('has the name and the icon of the deployment', async () => {
    expect(await infoIn(method, own)).toEqual({ ...own, title: 'Acme Notes', icons: [{ src: icon }] });
  });

  test('has the title and the icons of the server where it has them', async () => {
    const complete = { ...own, title: 'Notes', icons: [{ src: 'https://acme.example/icon.png' }] };
    expect(await infoIn(method, complete)).toEqual(complete);
  });

  test('describes the server as it is in a deployment without name and icon', async () => {
    expect(await infoIn(method, own, {})).toEqual(own);
  });
});

test('other responses of 2026-07-28 have the name without the icon', async () => {
  expect(await infoIn('tools/list', own)).toEqual({ ...own, title: 'Acme Notes' });
});
