import { setTimeout as sleep } from 'node:timers/promises';
import { initialize, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(60_000);

/** Seconds. */
const LIFETIME = 3;

let target: TestCloud;
beforeAll(async () => {
  target = await TestCloud.start({
    change: (resources) => {
      for (const { Type, Properties } of Object.values(resources)) {
        const variables = Type === 'AWS::Lambda::Function' ? (Properties.Environment?.Variables ?? {}) : {};
        if ('ACCESS_TOKEN_MINUTES' in variables) variables.ACCESS_TOKEN_MINUTES = `${LIFETIME / 60}`;
      }
    },
  });
});
afterAll(() => target?.stop());

test('RS6: an expired token is rejected, even while the gateway caches its decision', async () => {
  const { client, tokens } = await target.signedIn();
  const { access_token: used } = tokens;
  const { access_token: unused } = (await (await client.refresh(tokens.refresh_token)).json()) as typeof tokens;
  expect((await postMcp(target.origin, used, initialize)).status).toBe(200);
  await sleep((LIFETIME + 1) * 1000);
  for (const token of [used, unused]) expect((await postMcp(target.origin, token, initialize)).status).toBe(401);
});
