import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, ClientCredentialsProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { ClientCredentialsProvider as V1ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { exportPKCS8, generateKeyPair } from 'jose';
import { setVariables } from '../../bench/harness/assembly.ts';
import { initialize, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { type CliResult, runCli } from '../support/cli-process.ts';
import type { ProviderRun } from '../support/machine-provider.run.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { basic, publicKeyOf } from '../support/token-facade.ts';
import { json, refusal } from '../support/wire-checks.ts';

/** Machine clients as an operator adds them, and as the clients of the SDKs sign in. */

jest.setTimeout(120_000);

let cloud: TestCloud;
let privateKey: string;
beforeAll(async () => {
  const pair = await generateKeyPair('ES256', { extractable: true });
  privateKey = await exportPKCS8(pair.privateKey);
  const jwk = await publicKeyOf(pair.publicKey, 'ES256');
  cloud = await TestCloud.start({
    change: (resources) =>
      setVariables(resources, 'OAuth', {
        MACHINE_CLIENTS: JSON.stringify([{ id: 'nightly', scopes: ['mcp'], jwks: { keys: [jwk] } }]),
        MACHINE_TOKEN_MINUTES: '30',
      }),
  });
});
afterAll(() => cloud?.stop());

type Credentials = { client_id: string; client_secret: string };

const holdfast = (...args: string[]): Promise<CliResult> =>
  runCli([...args, '--local'], { HOLDFAST_DATA: cloud.folder });

async function answer<T>(...args: string[]): Promise<T> {
  const { code, out, errors } = await holdfast(...args, '--json');
  expect([code, errors]).toEqual([0, '']);
  return JSON.parse(out);
}

const addClient = (name: string) => answer<Credentials>('clients', 'add', name, '--scopes', 'mcp');

const requestToken = (id: string, secret: string) =>
  fetch(`${cloud.origin}/token`, {
    method: 'POST',
    headers: basic(id, secret),
    body: new URLSearchParams({ grant_type: 'client_credentials', resource: `${cloud.origin}/mcp` }),
  });

const tokenOf = async ({ client_id, client_secret }: Credentials) =>
  (await json(await requestToken(client_id, client_secret))) as { access_token: string; expires_in: number };

const accepts = async (token: string) => (await postMcp(cloud.origin, token, initialize)).status === 200;

type Connected = { callTool(request: { name: string }): Promise<unknown>; close(): Promise<void> };

/** Connects, and returns what the server knows of its caller. */
async function callerOf(client: Connected): Promise<Record<string, unknown>> {
  const { content } = (await client.callTool({ name: 'whoami' })) as { content: { text: string }[] };
  await client.close();
  return JSON.parse(content[0]!.text);
}

/** @returns what the server knows of its caller */
async function runProvider(run: ProviderRun): Promise<Record<string, unknown>> {
  const program = join(__dirname, '../support/machine-provider.run.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(run)]);
  return JSON.parse(stdout);
}

describe('a machine client', () => {
  const url = () => new URL(`${cloud.origin}/mcp`);
  const info = { name: 'test', version: '1' };
  const bySecret = ({ client_id, client_secret }: Credentials) => ({
    clientId: client_id,
    clientSecret: client_secret,
    expectedIssuer: cloud.origin,
  });

  async function connectV2(authProvider: ClientCredentialsProvider): Promise<Connected> {
    const client = new Client(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
    await client.connect(new StreamableHTTPClientTransport(url(), { authProvider }));
    return client;
  }
  async function connectV1(authProvider: V1ClientCredentialsProvider): Promise<Connected> {
    const client = new V1Client(info);
    await client.connect(new V1Transport(url(), { authProvider }));
    return client as unknown as Connected;
  }

  test('signs in with a secret by the providers of both SDKs, and calls a tool', async () => {
    const credentials = await addClient('reports');
    for (const client of [
      await connectV2(new ClientCredentialsProvider(bySecret(credentials))),
      await connectV1(new V1ClientCredentialsProvider(bySecret(credentials))),
    ]) {
      expect(await callerOf(client)).toMatchObject({
        user: { kind: 'service', issuer: cloud.origin, subject: credentials.client_id, groups: [] },
        client: { id: credentials.client_id, name: 'reports' },
        scopes: ['mcp'],
      });
    }
  });

  test('signs in with its key by the providers of both SDKs, and calls a tool', async () => {
    for (const sdk of ['v1', 'v2'] as const) {
      const caller = await runProvider({ origin: cloud.origin, clientId: 'nightly', sdk, key: privateKey });
      expect(caller).toMatchObject({ user: { subject: 'nightly' }, client: { id: 'nightly' } });
    }
  });

  test('appears in the lists of the operator as a service, with its calls', async () => {
    const { items } = await answer<{ items: object[] }>('clients', 'list');
    expect(items).toEqual(
      expect.arrayContaining([expect.objectContaining({ client: 'nightly', kind: 'service', status: 'active' })]),
    );
    const { items: calls } = await answer<{ items: { client: string }[] }>('calls', 'list', '--client', 'nightly');
    expect(calls).toHaveLength(2);
  });
});

describe('the command line', () => {
  test('prints a secret once, and the table has its digest alone', async () => {
    const { client_id, client_secret } = await addClient('once');
    expect(client_id).toMatch(/^hmc_[\w-]{22}$/);
    expect(client_secret).toMatch(/^hms_[\w-]{43}$/);
    expect(await tokenOf({ client_id, client_secret })).toMatchObject({ expires_in: 1800 });
    expect(JSON.stringify(await cloud.items())).not.toContain(client_secret.slice(4));
    const { out } = await holdfast('clients', 'list', '--machines');
    expect(out).toMatch(new RegExp(`^once +${client_id} +client_secret +1 `, 'm'));
    expect(out).not.toContain(client_secret);
  });

  test('rotates a secret with and without an overlap', async () => {
    const first = await addClient('rotated');
    const status = async ({ client_secret }: Credentials) =>
      (await requestToken(first.client_id, client_secret)).status;
    const second = await answer<Credentials>('clients', 'rotate', 'rotated', '--overlap', '1h');
    expect([await status(first), await status(second)]).toEqual([200, 200]);
    const third = await answer<Credentials>('clients', 'rotate', 'rotated', '--overlap', '0');
    expect([await status(first), await status(second), await status(third)]).toEqual([401, 401, 200]);
  });

  test('removes a client, whose tokens and secrets end at the next request', async () => {
    const credentials = await addClient('removed');
    const { access_token } = await tokenOf(credentials);
    expect(await accepts(access_token)).toBe(true);
    expect(await answer('clients', 'remove', 'removed', '--yes')).toMatchObject({ revoked: 1 });
    expect(await accepts(access_token)).toBe(false);
    expect(await refusal(await requestToken(credentials.client_id, credentials.client_secret))).toEqual([
      401,
      'invalid_client',
    ]);
    expect((await addClient('removed')).client_id).not.toBe(credentials.client_id);
  });

  test('revokes a client until the operator allows it again, once its former tokens have expired', async () => {
    const credentials = await addClient('revoked');
    const { access_token } = await tokenOf(credentials);
    const { items } = await answer<{ items: { id: string; client: string }[] }>('clients', 'list');
    const grant = items.find(({ client }) => client === credentials.client_id)!.id;
    expect(await answer('clients', 'revoke', grant, '--yes')).toEqual({ revoked: 1 });
    const request = () => requestToken(credentials.client_id, credentials.client_secret);
    expect([await accepts(access_token), await refusal(await request())]).toEqual([false, [400, 'invalid_grant']]);

    const early = await holdfast('clients', 'allow', grant);
    expect([early.code, early.errors]).toEqual([1, expect.stringContaining('would be valid again until')]);
    const { pk, sk, revokedAt } = await cloud.item(`G#${grant}`);
    await cloud.set({ pk, sk }, { revokedAt: Number(revokedAt) - 3601 });
    expect(await answer('clients', 'allow', grant)).toEqual({ allowed: grant });
    expect((await request()).status).toBe(200);
    expect((await holdfast('clients', 'allow', grant)).errors).toContain('No revoked grant');
  });

  test.each<[string, string[], string]>([
    ['an unknown scope', ['ok', '--scopes', 'other'], 'The server has no scope other; it has mcp'],
    ['a name that exists', ['once', '--scopes', 'mcp'], 'A machine client "once" exists'],
    ['an unusable name', ['a b', '--scopes', 'mcp'], 'is not usable'],
    ['a missing key file', ['ok', '--scopes', 'mcp', '--jwks', 'no-such-file.json'], 'cannot be read'],
    ['a file without a key', ['ok', '--scopes', 'mcp', '--jwks', 'package.json'], 'has no public keys'],
  ])('adds no client with %s', async (_what, args, message) => {
    const { code, out, errors } = await holdfast('clients', 'add', ...args);
    expect([code, out, errors]).toEqual([expect.any(Number), '', expect.stringContaining(message)]);
    expect(code).not.toBe(0);
  });
});
