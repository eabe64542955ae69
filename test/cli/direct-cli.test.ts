import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { userKey } from '../../lambda/core/access/user-key.ts';
import { sha256 } from '../../lambda/core/support/crypto.ts';
import { synthesize } from '../../local/template/synthesis.ts';
import { runCli } from '../support/cli-process.ts';
import { FakeCloudFormation } from '../support/fake-cloudformation.ts';
import { ProjectCopy } from '../support/project-copy.ts';
import { CLIENT, ScriptedProvider } from '../support/scripted-provider.ts';
import { Cloud } from '../support/test-cloud.ts';
import { callTool, initialize, postMcp } from '../support/test-oauth-client.ts';

/** Direct mode: the identity provider keeps the grants, and the operator can still block them. */

jest.setTimeout(60_000);

let provider: ScriptedProvider;
let assembly: string;
let cloud: Cloud;
let cloudFormation: FakeCloudFormation;

beforeAll(async () => {
  provider = await ScriptedProvider.start();
  const variant = new ProjectCopy();
  const context = `"idpProfile": "workos", "idpMode": "direct", "idpIssuer": "${provider.issuer}"`;
  variant.edit('cdk.json', '"context": {', `"context": { ${context},`);
  assembly = mkdtempSync(join(tmpdir(), 'holdfast-assembly-'));
  await synthesize(variant.root, assembly);
  variant.remove();
  cloud = await Cloud.start({ assembly });
  cloudFormation = await FakeCloudFormation.start();
  const template = readFileSync(join(assembly, globSync('*.template.json', { cwd: assembly })[0]!), 'utf8');
  cloudFormation.stacks = [{ name: 'Holdfast-dev', outputs: { TableName: 'Holdfast-Table710B521B' }, template }];
});
afterAll(async () => {
  cloudFormation?.stop();
  await cloud?.stop();
  await provider?.stop();
  rmSync(assembly, { recursive: true, force: true });
});

async function holdfast(...args: string[]) {
  const { endpoint, accessKeyId } = cloud.dynamoDb;
  return runCli(args, {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: 'x',
    AWS_ENDPOINT_URL_CLOUDFORMATION: cloudFormation.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: endpoint,
  });
}

/** Starts a session of a user and calls a tool. `call` calls it again. */
async function startSession(sub: string, client = CLIENT.id) {
  const token = await provider.sign({ aud: `${cloud.origin}/mcp`, client_id: client, scope: 'openid', sub });
  const session = (await postMcp(cloud.origin, token, initialize)).headers.get('mcp-session-id')!;
  const call = async () =>
    (await postMcp(cloud.origin, token, callTool('whoami'), { 'mcp-session-id': session })).status;
  expect(await call()).toBe(200);
  return { session, call, grant: await sha256([provider.issuer, sub, client].join('\n')) };
}

test('clients revoke blocks the grant of one session and no other', async () => {
  const [mallory, eve] = await Promise.all([startSession('mallory'), startSession('eve')]);
  const shown = await holdfast('sessions', 'show', mallory.session);
  expect(shown.out).toMatch(new RegExp(`^grant +${mallory.grant}$`, 'm'));
  const { code, out } = await holdfast('clients', 'revoke', mallory.grant, '--yes', '--json');
  expect([code, out]).toEqual([0, '{"revoked":1}\n']);
  expect([await mallory.call(), await eve.call()]).toEqual([401, 200]);
  expect((await holdfast('sessions', 'show', mallory.session)).out).toMatch(/^state +revoked$/m);
  const again = await holdfast('clients', 'revoke', mallory.grant, '--yes', '--json');
  expect([again.code, again.out]).toEqual([0, '{"revoked":0}\n']);
});

test('clients revoke rejects a grant without a session', async () => {
  const { code, errors } = await holdfast('clients', 'revoke', await sha256('unknown'), '--yes');
  expect([code, errors]).toEqual([1, expect.stringMatching(/^No grant/)]);
});

test('clients revoke blocks all clients of a user, or one client of all users', async () => {
  const [first, second, other] = await Promise.all([
    startSession('trudy', 'client-1'),
    startSession('trudy', 'client-2'),
    startSession('peggy', 'client-2'),
  ]);
  const trudy = await userKey(provider.issuer, 'trudy');
  const ofUser = await holdfast('clients', 'revoke', '--user', trudy.slice(0, 10), '--yes', '--json');
  expect([ofUser.code, ofUser.out, ofUser.errors]).toEqual([0, '{"revoked":2}\n', '']);
  expect([await first.call(), await second.call(), await other.call()]).toEqual([401, 401, 200]);
  const ofClient = await holdfast('clients', 'revoke', '--client', 'client-2', '--yes', '--json');
  expect(ofClient.out).toBe('{"revoked":1}\n');
  expect(await other.call()).toBe(401);
});

test('lists that are always empty name another command', async () => {
  const clients = await holdfast('clients', 'list');
  expect([clients.code, clients.out, clients.errors]).toEqual([0, '', expect.stringContaining('direct mode')]);
  const users = await holdfast('users', 'list');
  expect([users.code, users.out, users.errors]).toEqual([0, '', expect.stringContaining('direct mode')]);
});
