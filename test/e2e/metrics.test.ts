import { initialize, OAuthClient, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

/** The metrics of the alarms during outages, from the bundled functions of an assembly with alarms. */

jest.setTimeout(60_000);

let cloud: TestCloud;

beforeAll(async () => {
  const context = '"operations": "true", "alarmEmail": "ops@example.com",';
  cloud = await TestCloud.start({
    edits: [['cdk.json', '"context": {', `"context": { ${context}`]],
    freshPerRequest: true,
  });
  // Their metrics are under test.
  cloud.expectFailures('session_failed');
});
afterAll(() => cloud?.stop());

type Line = {
  event: string;
  requestId?: string;
  FunctionName?: string;
  _aws?: { Timestamp: number; CloudWatchMetrics: object[] };
};

/** The lines logged after the given log. */
const linesAfter = (before: string): Line[] =>
  Array.from(cloud.log.slice(before.length).matchAll(/^[\w-]+: (\{.*\})$/gm), ([, line]) => JSON.parse(line!));

/** The lines logged during the work, as soon as they contain the event. */
async function loggedBy(event: string, work: () => Promise<unknown>): Promise<Line[]> {
  const before = cloud.log;
  await work();
  for (let attempt = 0; attempt < 50; attempt++) {
    const lines = linesAfter(before);
    if (lines.some((line) => line.event === event)) return lines;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`The event ${event} was not logged:\n${cloud.log.slice(before.length)}`);
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

  test('a failed session start counts as a session failure and an outage', async () => {
    const lines = await loggedBy('service_unavailable', () =>
      cloud.without('dynamodb', async () => {
        expect((await postMcp(cloud.origin, token, initialize)).status).toBe(503);
      }),
    );
    expect(lines).toEqual([metric('session_failed', /McpFunction/), metric('service_unavailable', /McpFunction/)]);
    const [first, second] = lines;
    expect(first!.requestId).toBe(second!.requestId);
  });

  test('a rejected token has a line in the log, and no metric', async () => {
    const before = cloud.log;
    expect((await postMcp(cloud.origin, 'bm90LW91cnM', initialize)).status).toBe(401);
    expect(linesAfter(before)).toEqual([
      {
        event: 'token_rejected',
        reason: 'malformed',
        signed: false,
        viewer: '127.0.0.1',
        detail: 'Not a valid JWT',
        requestId: expect.any(String),
      },
    ]);
  });

  test('a failed token refresh counts as an outage', async () => {
    const { refresh_token } = await client.tokensFor('ada');
    const lines = await loggedBy('service_unavailable', () =>
      cloud.without('dynamodb', async () => {
        expect((await client.refresh(refresh_token)).status).toBe(503);
      }),
    );
    expect(lines).toEqual([metric('service_unavailable', /OAuthFunction/)]);
  });
});
