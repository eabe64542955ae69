/**
 * Connects with a provider of the SDKs for clients without a browser, calls the tool `whoami` and prints its result. It is a
 * separate process because these providers import jose when they sign, which jest does not permit.
 */
import {
  Client,
  CrossAppAccessProvider,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { PrivateKeyJwtProvider as V1PrivateKeyJwtProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

/** @property key PEM of the private key; `assertions`: the URL that mints ID-JAGs for `clientSecret` */
export type ProviderRun = { origin: string; clientId: string } & (
  | { sdk: 'v1' | 'v2'; key: string }
  | { assertions: string; clientSecret: string }
);

const run: ProviderRun = JSON.parse(process.argv[2]!);
const { origin, clientId } = run;
const url = new URL(`${origin}/mcp`);
const info = { name: 'test', version: '1' };

type Connected = { callTool(request: { name: string }): Promise<unknown>; close(): Promise<void> };

async function connect(): Promise<Connected> {
  const common = { clientId, expectedIssuer: origin };
  if ('key' in run && run.sdk === 'v1') {
    const client = new V1Client(info);
    const authProvider = new V1PrivateKeyJwtProvider({ ...common, privateKey: run.key, algorithm: 'ES256' });
    await client.connect(new V1Transport(url, { authProvider }) as Parameters<V1Client['connect']>[0]);
    return client as unknown as Connected;
  }
  const client = new Client(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  const authProvider =
    'key' in run
      ? new PrivateKeyJwtProvider({ ...common, privateKey: run.key, algorithm: 'ES256' })
      : new CrossAppAccessProvider({
          ...common,
          clientSecret: run.clientSecret,
          assertion: async ({ authorizationServerUrl, resourceUrl, scope }) => {
            const query = new URLSearchParams({ audience: authorizationServerUrl, resource: resourceUrl, clientId });
            if (scope) query.set('scope', scope);
            return (await fetch(`${run.assertions}?${query}`)).text();
          },
        });
  await client.connect(new StreamableHTTPClientTransport(url, { authProvider }));
  return client;
}

const client = await connect();
const { content } = (await client.callTool({ name: 'whoami' })) as { content: { text: string }[] };
console.log(content[0]!.text);
await client.close();
