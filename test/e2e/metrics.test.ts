import { initialize, OAuthClient, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** What an owner's alarms would see of a bad hour: the built functions, and an assembly that has the alarms in it. */

jest.setTimeout(60_000);

let cloud: TestCloud;

beforeAll(async () => {
  const context = '"operations": "true", "alarmEmail": "ops@example.com",';
  cloud = await TestCloud.start({
    edits: [['cdk.json', '"context": {', `"context": { ${context}`]],
    freshPerRequest: true,
  });
});
afterAll(() => cloud?.stop());

type Line = {
  event: string;
  requestId?: string;
  FunctionName?: string;
  _aws?: { Timestamp: number; CloudWatchMetrics: object[] };
};

/** What has been logged since the text. */
const linesAfter = (before: string): Line[] =>
  Array.from(cloud.log.slice(before.length).matchAll(/^[\w-]+: (\{.*\})$/gm), ([, line]) => JSON.parse(line!));

/** The lines that the work has logged, once the first of an event is there. */
async function loggedBy(event: string, work: () => Promise<unknown>): Promise<Line[]> {
  const before = cloud.log;
  await work();
  for (let attempt = 0; attempt < 50; attempt++) {
    const lines = linesAfter(before);
    if (lines.some((line) => line.event === event)) return lines;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`Nobody has logged ${event}:\n${cloud.log.slice(before.length)}`);
}

const alarmsIn = (template: string) =>
  Object.values(
    JSON.parse(template).Resources as Record<string, { Type: string; Properties: { MetricName: string } }>,
  ).filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');

test('the local emulator runs a stack that has alarms', () => {
  expect(alarmsIn(cloud.template).length).toBeGreaterThan(5);
  expect(cloud.origin).toMatch(/^http/);
});

describe('with a signed-in client', () => {
  let token: string;
  let client: OAuthClient;
  beforeAll(async () => {
    client = await OAuthClient.register(cloud.origin);
    token = (await client.tokensFor('ada')).access_token;
  });

  const metric = (event: string, functionName: RegExp) =>
    expect.objectContaining({
      event,
      requestId: expect.stringMatching(/\S/),
      FunctionName: expect.stringMatching(functionName),
      [event]: 1,
      _aws: {
        Timestamp: expect.any(Number),
        CloudWatchMetrics: [
          { Namespace: 'Holdfast', Dimensions: [['FunctionName']], Metrics: [{ Name: event, Unit: 'Count' }] },
        ],
      },
    });

  test('a session that the table does not let begin is counted, and so is the outage', async () => {
    const lines = await loggedBy('service_unavailable', () =>
      cloud.without('dynamodb', async () => {
        expect((await postMcp(cloud.origin, token, initialize)).status).toBe(503);
      }),
    );
    expect(lines).toEqual([metric('session_failed', /McpFunction/), metric('service_unavailable', /McpFunction/)]);
    const [first, second] = lines;
    expect(first!.requestId).toBe(second!.requestId);
  });

  test('a token that the authorizer cannot judge is counted; one that it refuses is not', async () => {
    // API Gateway remembers its answer to the other one.
    const { access_token } = await client.tokensFor('ada');
    const lines = await loggedBy('authorizer_failed', () =>
      cloud.without('kms', async () => {
        expect((await postMcp(cloud.origin, access_token, initialize)).status).toBe(503);
      }),
    );
    expect(lines).toContainEqual(metric('authorizer_failed', /AuthorizerFunction/));
    const before = cloud.log;
    expect((await postMcp(cloud.origin, 'bm90LW91cnM', initialize)).status).toBe(401);
    expect(linesAfter(before)).toEqual([]);
  });

  test('a client that cannot refresh is counted', async () => {
    const { refresh_token } = await client.tokensFor('ada');
    const lines = await loggedBy('service_unavailable', () =>
      cloud.without('dynamodb', async () => {
        expect((await client.refresh(refresh_token)).status).toBe(503);
      }),
    );
    expect(lines).toEqual([metric('service_unavailable', /OAuthFunction/)]);
  });
});
