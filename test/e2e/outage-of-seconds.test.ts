import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import type { Service } from '../../bench/harness/fault-injection.ts';
import { AiSdkAssistant } from '../support/ai-sdk-assistant.ts';
import { ClientHome } from '../support/client-home.ts';
import { TestCloud } from '../support/test-cloud.ts';

/**
 * The AI SDK and mcp-remote answer a 503 of the token endpoint with another authorization request, which opens a browser.
 * Their tokens have expired and the functions are cold when a service does not answer for some seconds.
 */

jest.setTimeout(180_000);

type ConnectedClient = {
  call(): Promise<unknown>;
  /** The URLs that the client has opened in the browser. */
  opened(): readonly unknown[];
  close(): Promise<void>;
};

async function aiSdk(): Promise<ConnectedClient> {
  return AiSdkAssistant.connect(cloud.mcpUrl, 'ada');
}

async function mcpRemote(): Promise<ConnectedClient> {
  const home = new ClientHome();
  const transport = new StdioClientTransport({
    command: 'mcp-remote',
    args: [cloud.mcpUrl],
    env: home.environment,
    cwd: home.folder,
    stderr: 'pipe',
  });
  const client = new Client({ name: 'behind-mcp-remote', version: '1' });
  await client.connect(transport, { timeout: 60_000 });
  return {
    call: () => client.callTool({ name: 'whoami', arguments: {} }),
    opened: () => home.opened(),
    async close() {
      await client.close();
      home.remove();
    },
  };
}

let cloud: TestCloud;
/** How far the clock of the emulator is ahead, in milliseconds. */
let ahead = 0;
let client: ConnectedClient;
beforeAll(async () => {
  cloud = await TestCloud.start();
  // During the outages.
  // In an outage, a response does not wait for the other requests of its function.
  cloud.expectEveryFailure();
});
afterAll(() => cloud?.stop());

const TWO_HOURS = 2 * 3_600_000;

/** More requests than the attempts of one request to the service: the outage lasts for several attempts of the function. */
const outages: [Service, refusals: number][] = [
  ['kms', 12],
  ['dynamodb', 12],
  ['idp', 4],
];

const result = { content: [{ type: 'text' }] };

describe.each([
  ['the AI SDK', aiSdk],
  ['mcp-remote', mcpRemote],
])('%s', (_, connect) => {
  beforeEach(async () => {
    client = await connect();
    await client.call();
    expect(client.opened()).toHaveLength(1);
  });
  afterEach(async () => {
    await client.close();
  });

  test.each(outages)(
    'refreshes its tokens through an outage of %s, and opens no browser',
    async (service, refusals) => {
      ahead += TWO_HOURS;
      await cloud.restartAhead(ahead);
      expect(await cloud.withOutage(service, refusals, () => client.call())).toMatchObject(result);
      expect(client.opened()).toHaveLength(1);
    },
  );

  test('calls a tool while a cold authorizer waits for the key set, and opens no browser', async () => {
    await cloud.recycle();
    await cloud.invalidate();
    expect(await cloud.withOutage('kms', 12, () => client.call())).toMatchObject(result);
    expect(client.opened()).toHaveLength(1);
  });
});
