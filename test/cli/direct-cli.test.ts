import { callTool, initialize, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { userKey } from '../../lambda/core/access/user-key.ts';
import { sha256 } from '../../lambda/core/support/crypto.ts';
import { runCli } from '../support/cli-process.ts';
import { FakeCloudFormation, markerOf } from '../support/fake-cloudformation.ts';
import { CLIENT, ScriptedProvider } from '../support/scripted-provider.ts';
import { directMode, TestCloud } from '../support/test-cloud.ts';

/** Direct mode: the identity provider keeps the grants, and the operator can still block them. */

jest.setTimeout(60_000);

let provider: ScriptedProvider;
let cloud: TestCloud;
let cloudFormation: FakeCloudFormation;

beforeAll(async () => {
  provider = await ScriptedProvider.start();
  cloud = await TestCloud.start(directMode(provider.issuer));
  cloudFormation = await FakeCloudFormation.start();
  const marker = markerOf({ table: cloud.table.name, isDirect: true });
  cloudFormation.stacks = [{ name: 'Holdfast-dev', deployments: [marker] }];
});
afterAll(async () => {
  cloudFormation?.stop();
  await cloud?.stop();
  await provider?.stop();
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

test('clients allow admits a blocked client again, with its tokens, and no other grant', async () => {
  const [judy, other] = await Promise.all([startSession('judy'), startSession('walter')]);
  await holdfast('clients', 'revoke', judy.grant, '--yes');
  await holdfast('clients', 'revoke', other.grant, '--yes');
  const allowed = await holdfast('clients', 'allow', judy.grant);
  expect([allowed.code, allowed.out, allowed.errors]).toEqual([0, expect.stringContaining('accepted again'), '']);
  expect([await judy.call(), await other.call()]).toEqual([200, 401]);
  expect((await holdfast('clients', 'allow', judy.grant)).errors).toContain('No revoked grant');
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
