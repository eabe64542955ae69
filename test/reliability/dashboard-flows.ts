import { randomUUID } from 'node:crypto';
import { callTool, initialize, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { dynamoAggregateStore } from '../../lambda/adapters/dynamodb/audit/aggregate-store.ts';
import { dynamoAuditLogWriter } from '../../lambda/adapters/dynamodb/audit/audit-log-writer.ts';
import { steps } from '../../lambda/core/audit/aggregates.ts';
import { Browser } from '../../local/testing/form-browser.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import type { TestCloud } from '../support/test-cloud.ts';
import { toolCall } from '../support/tool-call-builder.ts';
import { grantOf } from '../support/wire-checks.ts';
import { type Answer, answerOf, expectStatus, expectThat, type Flow, jsonOf, locationOf, pageAnswer } from './flow.ts';
import { itemAt, itemsIn, seconds } from './table-reads.ts';

/** The requests of the dashboard's page, and the aggregation job. */

/** A browser stops at the first redirect. */
const anywhere = '';

const signInOf = ({ origin }: TestCloud) => `${origin}/dashboard/sign-in`;

async function expectSignedIn(cloud: TestCloud, browser: Browser): Promise<void> {
  const headers = { cookie: browser.cookieHeader(cloud.origin) };
  expectStatus(await answerOf(fetch(`${cloud.origin}/dashboard/api/me`, { headers })), 200, 'a request of the page');
}

const signInBegun: Flow = {
  name: 'dashboard sign-in',
  reader: 'user',
  async prepare(cloud) {
    const browser = new Browser();
    let location = '';
    return {
      send: (isHeard = true) => pageAnswer((isHeard ? browser : browser.copy()).open(signInOf(cloud), anywhere)),
      isSuccess(answer) {
        location = locationOf(answer);
        return location.startsWith('http://localhost:');
      },
      async verify() {
        await browser.submit(await browser.open(location), { username: 'ada', password: 'ada' });
        await expectSignedIn(cloud, browser);
      },
    };
  },
};

const signInCompleted: Flow = {
  name: 'dashboard callback',
  reader: 'user',
  async prepare(cloud) {
    const browser = new Browser();
    const signIn = await browser.open(signInOf(cloud));
    const { url } = await browser.submit(signIn, { username: 'ada', password: 'ada' }, `${cloud.origin}/callback`);
    return {
      send: (isHeard = true) => pageAnswer((isHeard ? browser : browser.copy()).open(url, anywhere)),
      // A browser follows redirects: the provider, where the user is signed in, may send it back once more.
      repeat: () => pageAnswer(browser.open(url)),
      isSuccess: (answer) => answer.url === `${cloud.origin}/dashboard`,
      verify: () => expectSignedIn(cloud, browser),
    };
  },
};

/** A user of the dashboard with a connected app that has a session and a call. */
async function connected(cloud: TestCloud, user: string) {
  const { tokens } = await cloud.signedIn(user);
  const call = () => answerOf(postMcp(cloud.origin, tokens.access_token, initialize));
  const session = (await call()).headers.get('mcp-session-id')!;
  // The dashboard finds a session by its calls.
  await answerOf(postMcp(cloud.origin, tokens.access_token, callTool('whoami'), { 'mcp-session-id': session }));
  return { dashboard: await DashboardClient.signIn(cloud.origin, user), grant: grantOf(tokens), session, call };
}

const revokedIn = (answer: Answer): unknown => (answer.status === 200 ? jsonOf(answer).revoked : undefined);

/** A revocation reports its outcome: 1 at first, and 0 or 1 when it is repeated. */
function revocation(
  name: string,
  user: string,
  path: (connection: { grant: string; session: string }) => string,
): Flow {
  return {
    name,
    reader: 'dashboard',
    async prepare(cloud) {
      const connection = await connected(cloud, user);
      let sent = 0;
      return {
        send() {
          sent++;
          return answerOf(connection.dashboard.post(path(connection)));
        },
        isSuccess: (answer) => revokedIn(answer) === 1 || (sent > 1 && revokedIn(answer) === 0),
        async verify() {
          const { session, grant, call } = connection;
          if (path(connection).startsWith('sessions/')) {
            const stored = await itemAt(cloud, `S#${grant}`, session);
            expectThat(stored?.endedBy === 'revocation', 'the session is not revoked');
          } else {
            expectStatus(await call(), 401, 'a call with the revoked grant');
            await cloud.runSchedules();
            expectThat(!(await itemAt(cloud, `T#${grant}`)), 'the upstream tokens are still stored');
          }
        },
      };
    },
  };
}

const signOut: Flow = {
  name: 'dashboard sign-out',
  reader: 'dashboard',
  async prepare(cloud) {
    const dashboard = await DashboardClient.signIn(cloud.origin, 'ada');
    let sent = 0;
    return {
      send() {
        sent++;
        return answerOf(dashboard.post('sign-out'));
      },
      // The repetition finds the user signed out.
      isSuccess: ({ status }) => status === 200 || (sent > 1 && status === 401),
      verify: async () => expectStatus(await answerOf(dashboard.request('me')), 401, 'a request afterwards'),
    };
  },
};

const erasure: Flow = {
  name: 'erasure',
  reader: 'dashboard',
  async prepare(cloud) {
    const { dashboard, grant, session } = await connected(cloud, 'alan');
    const { user } = dashboard.me;
    let sent = 0;
    return {
      send() {
        sent++;
        return answerOf(dashboard.post('erase'));
      },
      // The dashboard session is erased last.
      isSuccess: (answer) =>
        (answer.status === 200 && jsonOf(answer).done === true) || (sent > 1 && answer.status === 401),
      async verify() {
        await cloud.runSchedules();
        const partitions = [`G#${grant}`, `T#${grant}`, `S#${grant}`, `D#${session}`, `U#${user}`, `N#${user}`];
        const left = (await Promise.all(partitions.map((pk) => itemsIn(cloud, pk)))).flat();
        expectThat(left.length === 0, `${left.map(({ pk, type }) => `${pk} (${type})`)} left after the erasure`);
        expectStatus(await answerOf(dashboard.request('me')), 401, 'a request afterwards');
      },
    };
  },
};

/** The period that is aggregated again and again, long enough ago to be complete. */
const aggregation: Flow = {
  name: 'aggregation',
  reader: 'operator',
  caller: 'Rollup',
  async prepare(cloud) {
    const store = dynamoAggregateStore(cloud.table);
    await cloud.runSchedules();
    const period = Math.floor(Date.now() / steps.minutes) * steps.minutes - 3 * steps.minutes;
    const tool = `tool-${randomUUID()}`;
    const session = `session-${randomUUID()}`;
    const calls = [0, 1, 2].map((index) => toolCall({ id: randomUUID(), at: period + 1000 * index, tool, session }));
    for (const call of calls) await dynamoAuditLogWriter(cloud.table).recordCall(call, seconds() + 3600);
    const until = await store.countedUntil();
    await store.moveOn(until, period);
    return {
      async send() {
        await cloud.runSchedules();
        const moved = (await store.countedUntil())! > period;
        return { status: moved ? 200 : 500, headers: new Headers(), text: 'the progress' };
      },
      isSuccess: ({ status }) => status === 200,
      async verify() {
        const [found] = await store.load('calls', 'minutes', period, period + steps.minutes);
        const counted = found?.aggregates.rows.filter((row) => row.tool === tool).map((row) => row.calls);
        expectThat(String(counted) === '3', `the calls in the aggregate are ${counted} instead of 3`);
      },
    };
  },
};

export const dashboardFlows: Flow[] = [
  signInBegun,
  signInCompleted,
  revocation('revocation of an app', 'ada', ({ grant }) => `grants/${grant}/revoke`),
  revocation('revocation of a session', 'ada', ({ session }) => `sessions/${session}/revoke`),
  revocation('revocation of all apps', 'grace', () => 'revoke-all'),
  signOut,
  erasure,
  aggregation,
];
