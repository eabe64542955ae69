import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { initialize, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { AssertionIssuer, redeemAssertion } from '../support/assertion-issuer.ts';
import { runCli } from '../support/cli-process.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { DocumentClouds, type DocumentServer, unsafely } from '../support/document-server.ts';
import type { ProviderRun } from '../support/machine-provider.run.ts';
import type { TestCloud } from '../support/test-cloud.ts';
import { basic } from '../support/token-facade.ts';
import { json, refusal } from '../support/wire-checks.ts';

/** Users of an enterprise and workloads, whose issuers publish their keys at a URL. */

jest.setTimeout(120_000);

const subject = 'repo:acme/shop:ref:refs/heads/main';

let clouds: DocumentClouds;
let host: DocumentServer;
let issuer: AssertionIssuer;
/** An issuer that does not answer. */
let silent: AssertionIssuer;
let cloud: TestCloud;
let client: { client_id: string; client_secret: string };
beforeAll(async () => {
  clouds = await DocumentClouds.create();
  host = await clouds.documents();
  issuer = await AssertionIssuer.at(host);
  const silentHost = await clouds.documents();
  silent = await AssertionIssuer.create(silentHost.origin);
  silentHost.answer('/.well-known/openid-configuration', (_, response) => response.writeHead(503).end());
  const rule = { subject, scopes: ['mcp'], singleUse: true };
  cloud = await clouds.cloud({
    ...unsafely,
    MACHINE_CLIENTS: '[]',
    MACHINE_TOKEN_MINUTES: '60',
    ENTERPRISE_ISSUERS: JSON.stringify([{ issuer: issuer.issuer }]),
    WORKLOADS: JSON.stringify([
      { ...rule, name: 'deploy', issuer: issuer.issuer },
      { ...rule, name: 'silent', issuer: silent.issuer },
    ]),
  });
  client = await answer('clients', 'add', 'notes-app', '--scopes', 'mcp');
});
afterAll(() => clouds?.end());

async function answer<T>(...args: string[]): Promise<T> {
  const { code, out, errors } = await runCli([...args, '--local', '--json'], { HOLDFAST_DATA: cloud.folder });
  expect([code, errors]).toEqual([0, '']);
  return JSON.parse(out);
}

async function erase(user: string): Promise<void> {
  const { code } = await runCli(['users', 'erase', user, '--yes', '--local'], { HOLDFAST_DATA: cloud.folder });
  expect(code).toBe(0);
}

type Listed = { id: string; user: string; kind: string; client: string; status: string };

const grants = async () => (await answer<{ items: Listed[] }>('clients', 'list')).items;

const accepts = async (token: string) => (await postMcp(cloud.origin, token, initialize)).status === 200;

describe('a user of an enterprise', () => {
  let minting: Server;
  beforeAll(async () => {
    minting = createServer(async (request, response) => {
      const query = new URL(request.url!, 'http://localhost').searchParams;
      response.end(await issuer.idJag(query.get('audience')!, query.get('clientId')!, 'ada'));
    }).listen(0, '127.0.0.1');
    await once(minting, 'listening');
  });
  afterAll(() => void minting.close());

  /** @returns what the server knows of its caller */
  async function signIn(): Promise<unknown> {
    const run: ProviderRun = {
      origin: cloud.origin,
      clientId: client.client_id,
      clientSecret: client.client_secret,
      assertions: `http://127.0.0.1:${(minting.address() as AddressInfo).port}/`,
    };
    const program = join(__dirname, '../support/machine-provider.run.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [program, JSON.stringify(run)]);
    return JSON.parse(stdout);
  }

  const redeem = async () =>
    redeemAssertion(
      cloud.origin,
      await issuer.idJag(cloud.origin, client.client_id, 'ada'),
      basic(client.client_id, client.client_secret),
    );

  test('signs in by the provider of the SDK without a page, and calls a tool as the user of that enterprise', async () => {
    const caller = await signIn();
    expect(caller).toMatchObject({
      user: { kind: 'person', issuer: issuer.issuer, subject: 'ada', groups: [] },
      client: { id: client.client_id, name: 'notes-app' },
      scopes: ['mcp'],
    });
  });

  test('has a grant whose revocation ends its tokens at the next request, and admits no further assertion', async () => {
    const { access_token } = (await json(await redeem())) as { access_token: string };
    expect(await accepts(access_token)).toBe(true);
    const listed = (await grants()).filter((each) => each.client === client.client_id);
    expect(listed).toMatchObject([{ status: 'active' }]);
    expect(await answer('clients', 'revoke', listed[0]!.id, '--yes')).toEqual({ revoked: 1 });
    expect(await accepts(access_token)).toBe(false);
    expect(await refusal(await redeem())).toEqual([400, 'invalid_grant']);
    await expect(signIn()).rejects.toThrow('invalid_grant');
  });

  test('whose data is erased stays blocked until the operator allows the grant, which names the user no more', async () => {
    const { id, user } = (await grants()).find((each) => each.client === client.client_id)!;
    await erase(user);
    const rejection = await json(await redeem());
    expect(rejection).toEqual({ error: 'invalid_grant', error_description: expect.stringContaining(id) });
    expect(String(rejection.error_description).length).toBeLessThanOrEqual(100);
    const left = await cloud.item(`G#${id}`);
    expect(Object.keys(left).toSorted()).toEqual(['id', 'pk', 'revokedAt', 'sk', 'status', 'type']);
    await cloud.set({ pk: left.pk, sk: left.sk }, { revokedAt: Number(left.revokedAt) - 3601 });
    expect(await answer('clients', 'allow', id)).toEqual({ allowed: id });
    expect((await redeem()).status).toBe(200);
  });
});

describe('a workload', () => {
  /** The caller of a request with the token, as its server knows it. */
  async function callerOf(token: string): Promise<unknown> {
    const connected = new Client(
      { name: 'test', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    );
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    await connected.connect(new StreamableHTTPClientTransport(new URL(`${cloud.origin}/mcp`), { requestInit }));
    const { content } = await connected.callTool({ name: 'whoami' });
    await connected.close();
    return JSON.parse((content as { text: string }[])[0]!.text);
  }

  test('calls a tool as a service with the token of its platform, whose keys are fetched once', async () => {
    const token = await issuer.workloadToken(cloud.origin, subject);
    const { access_token } = (await json(await redeemAssertion(cloud.origin, token))) as { access_token: string };
    expect(await callerOf(access_token)).toMatchObject({
      user: { kind: 'service', issuer: issuer.issuer, subject, groups: [] },
      client: { id: 'deploy', name: 'deploy' },
      scopes: ['mcp'],
    });
    expect(await grants()).toEqual(
      expect.arrayContaining([expect.objectContaining({ client: 'deploy', kind: 'service', status: 'active' })]),
    );
    expect(await refusal(await redeemAssertion(cloud.origin, token))).toEqual([400, 'invalid_grant']);
    expect(host.requests.toSorted()).toEqual(['/.well-known/openid-configuration', '/jwks.json']);
  });

  test('gets no token after the erasure of its data, and its tokens from before are not accepted again', async () => {
    const request = async () => redeemAssertion(cloud.origin, await issuer.workloadToken(cloud.origin, subject));
    const { access_token } = (await json(await request())) as { access_token: string };
    expect(await accepts(access_token)).toBe(true);
    const { user } = (await grants()).find((each) => each.client === 'deploy')!;
    const admin = await DashboardClient.signIn(cloud.origin, 'grace');
    expect((await admin.post('erase', { user })).status).toBe(200);
    expect([await refusal(await request()), await accepts(access_token)]).toEqual([[400, 'invalid_grant'], false]);
  });

  test('is asked to try again while its platform does not answer', async () => {
    const token = await silent.workloadToken(cloud.origin, subject);
    expect(await refusal(await redeemAssertion(cloud.origin, token))).toEqual([400, 'temporarily_unavailable']);
  });
});
