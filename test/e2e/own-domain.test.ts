import type { Edit } from '../../bench/harness/assembly.ts';
import { callTool, initialize, messageOf, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** A custom domain in AWS GovCloud (US), where CloudFront has no host names: another region and partition, and no cache. */

jest.setTimeout(60_000);

const [account, region] = ['111122223333', 'us-gov-west-1'];

const edits: readonly Edit[] = [
  [
    'bin/holdfast.ts',
    'const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;',
    `const [account, region] = ['${account}', '${region}'];`,
  ],
  [
    'cdk.json',
    '"context": {',
    `"context": { "domainName": "mcp.example.com", "certificateArn": "arn:aws-us-gov:acm:${region}:${account}:certificate/a",`,
  ],
];

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start({ edits, accountConcurrency: 2 });
});
afterAll(() => cloud?.stop());

/** A legacy session of a new grant. */
async function startSession(): Promise<{ token: string; session: { 'mcp-session-id': string } }> {
  const { tokens } = await cloud.signedIn();
  const started = await postMcp(cloud.origin, tokens.access_token, initialize);
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  await messageOf(started);
  return { token: tokens.access_token, session };
}

test('the template has no distribution, and names neither another region nor another partition', () => {
  expect(cloud.template).not.toContain('AWS::CloudFront::Distribution');
  expect(cloud.template).not.toMatch(/us-east-1|arn:aws:/);
});

test('a session ends by another method than it began, with the policy that API Gateway has cached', async () => {
  const { token, session } = await startSession();
  const headers = { authorization: `Bearer ${token}`, ...session };
  const listening = await fetch(cloud.mcpUrl, { headers: { ...headers, accept: 'text/event-stream' } });
  expect(listening.status).toBe(405);
  expect((await fetch(cloud.mcpUrl, { method: 'DELETE', headers })).status).toBe(200);
  expect((await postMcp(cloud.origin, token, callTool('whoami'), session)).status).toBe(404);
});

test('the functions reach table, keys and worker by the ARNs of their region', async () => {
  const { token, session } = await startSession();
  for (const call of [
    callTool('userinfo'),
    callTool('long_task', { milliseconds: 1 }),
    callTool('note', { name: 'x' }),
  ]) {
    const message = await messageOf(await postMcp(cloud.origin, token, call, session));
    expect(JSON.stringify(message)).not.toContain('Internal server error');
  }
  const dashboard = await DashboardClient.signIn(cloud.origin, 'ada');
  expect((await dashboard.post('revoke-all')).status).toBe(200);
  expect(cloud.log).not.toContain('not authorized');
});

test('a call with a long-running tool takes two executions of the account, and a call beyond them is answered 503', async () => {
  const { token, session } = await startSession();
  const call = () => postMcp(cloud.origin, token, callTool('whoami'), session);
  const long = postMcp(cloud.origin, token, callTool('long_task', { milliseconds: 60_000 }), session);
  const ended = long.then((response) => response.text()).catch((error: Error) => error);
  const kill = (name: string) => {
    const [, logicalId] = new RegExp(`"(${name}Function\\w+)":\\{"Type":"AWS::Lambda::Function"`).exec(cloud.template)!;
    return cloud.kill(logicalId!, 1);
  };
  // The worker states itself in the execution. A poll by calls would compete with it for the second execution.
  const hasWorker = async () => (await cloud.items('E#')).some(({ status, runner }) => status === 'running' && runner);
  for (let polls = 1; polls < 500 && !(await hasWorker()); ) polls++;
  const throttled = await call();
  expect([await kill('Worker'), await kill('Mcp')]).toEqual([1, 1]);
  expect([throttled.status, throttled.headers.get('retry-after')]).toEqual([503, '2']);
  expect(await throttled.json()).toMatchObject({ error: 'temporarily_unavailable' });
  await ended;
  expect((await call()).status).toBe(200);
});
