import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { setVariables } from '../../bench/harness/assembly.ts';
import { OAuthClient } from '../../bench/harness/raw-oauth-client.ts';
import { becomes } from '../support/becomes.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** Change notifications with `listenTimeout`: through the gateway, the table and the roles. */

jest.setTimeout(60_000);

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start({
    change: (resources) => setVariables(resources, 'Mcp', { LISTEN_SECONDS: '20', FIXTURE_LIST_CHANGED: 'true' }),
  });
});
afterAll(() => cloud?.stop());

type Listener = { change(): Promise<unknown>; received(): number; close(): Promise<void> };
type Connect = (options: { requestInit: RequestInit }) => Promise<Listener>;

/** `@modelcontextprotocol/sdk`, which listens with GET. */
const older: Connect = async (options) => {
  const client = new OldClient({ name: 'older', version: '1' });
  let received = 0;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void received++);
  await client.connect(new OldTransport(new URL(cloud.mcpUrl), options));
  return { change: () => client.callTool({ name: 'change' }), received: () => received, close: () => client.close() };
};

/** `@modelcontextprotocol/client`, which listens with `subscriptions/listen`. */
const newer: Connect = async (options) => {
  let received = 0;
  const client = new Client(
    { name: 'newer', version: '1' },
    {
      versionNegotiation: { mode: { pin: '2026-07-28' } },
      listChanged: { tools: { autoRefresh: false, onChanged: () => void received++ } },
    },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(cloud.mcpUrl), options));
  return { change: () => client.callTool({ name: 'change' }), received: () => received, close: () => client.close() };
};

async function connected(connect: Connect, user: string): Promise<Listener> {
  const { access_token } = await (await OAuthClient.register(cloud.origin)).tokensFor(user);
  return connect({ requestInit: { headers: { Authorization: `Bearer ${access_token}` } } });
}

test('a client receives the changes of another client of its user, in both eras, and not those of another user', async () => {
  const listeners = [await connected(older, 'ada'), await connected(newer, 'ada')];
  const alan = await connected(older, 'alan');
  const another = await connected(newer, 'ada');
  try {
    // The client opens its stream concurrently with other requests. Earlier changes are not sent.
    for (let tries = 0; tries < 10 && listeners.some(({ received }) => received() === 0); tries++) {
      await another.change();
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }
    await becomes(() => listeners.every(({ received }) => received() > 0));
    expect(alan.received()).toBe(0);
    await alan.change();
    await becomes(() => alan.received() > 0);
    expect(cloud.log).not.toContain('not authorized');
  } finally {
    await Promise.all([...listeners, alan, another].map(({ close }) => close()));
  }
});
