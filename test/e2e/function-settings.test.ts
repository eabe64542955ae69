import type { Edit } from '../../bench/harness/assembly.ts';
import { callTool, initialize, messageOf, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(60_000);

/** The settings of the functions that run the tools, in an owner's stack that has the other resources. */
const everySetting: readonly Edit[] = [
  [
    'bin/holdfast.ts',
    "  new HoldfastStack(app, 'Holdfast', {\n    ...settings,",
    `
  const { Duration, Stack } = await import('aws-cdk-lib');
  const { UserPool } = await import('aws-cdk-lib/aws-cognito');
  const { Vpc } = await import('aws-cdk-lib/aws-ec2');
  const { Key } = await import('aws-cdk-lib/aws-kms');
  const { Holdfast } = await import('../lib/holdfast-construct.ts');
  const owner = new Stack(app, 'Holdfast');
  const userPool = new UserPool(owner, 'People');
  userPool.addDomain('Domain', { cognitoDomain: { domainPrefix: 'people' } });
  new Holdfast(owner, 'Default', {
    ...settings,
    userPool,
    memorySize: 1024,
    toolTimeout: Duration.minutes(2),
    listenTimeout: Duration.seconds(10),
    environment: { FIXTURE_LIST_CHANGED: 'true' },
    vpc: new Vpc(owner, 'Vpc', { maxAzs: 1 }),
    reservedConcurrentExecutions: 5,
    provisionedConcurrentExecutions: 1,
    tracing: true,
    encryptionKey: new Key(owner, 'Own'),`,
  ],
];

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start({ edits: everySetting });
});
afterAll(() => cloud?.stop());

test('a tool and the worker run with every setting of their functions', async () => {
  const { tokens } = await cloud.signedIn('ada');
  const started = await postMcp(cloud.origin, tokens.access_token, initialize);
  const { result } = await messageOf(started);
  expect(result).toMatchObject({ capabilities: { tools: { listChanged: true } } });
  const session = { 'mcp-session-id': started.headers.get('mcp-session-id')! };
  const called = await postMcp(cloud.origin, tokens.access_token, callTool('whoami'), session);
  expect(JSON.stringify(await messageOf(called))).toContain('scopes');
  const continued = await postMcp(
    cloud.origin,
    tokens.access_token,
    callTool('long_task', { milliseconds: 1 }),
    session,
  );
  expect(JSON.stringify(await messageOf(continued))).not.toContain('isError');
});
