import { callTool, initialize, OAuthClient, postMcp, redirectUri } from '../../bench/harness/raw-oauth-client.ts';
import type { Statement } from '../../local/iam/iam-policy.ts';
import { Browser } from '../../local/testing/form-browser.ts';
import { becomes } from '../support/becomes.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { TestCloud } from '../support/test-cloud.ts';

/**
 * A permission that the stack lacks fails in the local emulator as it does in AWS, and the log names it. The roles of the
 * functions are those of the template, less one permission.
 */

jest.setTimeout(60_000);

/** A permission to remove from the role of a function. */
type Removal = { construct: string; change: (statements: Statement[]) => Statement[] };

const listOf = <T>(value: T | T[]): T[] => [value].flat() as T[];

/** Removes an action from every statement of a function's role. */
const withoutAction = (construct: string, action: string): Removal => ({
  construct,
  change: (statements) =>
    statements
      .map((each) => ({ ...each, Action: listOf(each.Action!).filter((allowed) => allowed !== action) }))
      .filter(({ Action }) => Action.length > 0),
});

/** Removes a value, such as a prefix of keys, from the conditions of a function's role. */
const withoutValue = (construct: string, key: string, value: string): Removal => ({
  construct,
  change: (statements) => {
    const conditions = statements.flatMap(({ Condition }) => Object.values(Condition ?? {}));
    for (const condition of conditions.filter((each) => key in each)) {
      condition[key] = listOf(condition[key]!).filter((each) => each !== value);
    }
    return statements;
  },
});

type Answer = { status: number; error: string };

/** Performs the flow that needs the permission. @returns its outcome */
type Attempt = (origin: string) => Promise<Answer>;

const requestAuthorization: Attempt = async (origin) => {
  const client = await OAuthClient.register(origin);
  const { status, html } = await new Browser().open(client.authorizationUrl(), redirectUri);
  return { status, error: /<code lang="en">(\w+)/.exec(html)?.[1] ?? 'none' };
};

const finishSignIn: Attempt = async (origin) => {
  const [browser, client] = [new Browser(), await OAuthClient.register(origin)];
  const consent = await browser.open(client.authorizationUrl(), redirectUri);
  const signIn = await browser.submit(consent, { answer: 'approve' });
  const { status, url } = await browser.submit(signIn, { username: 'ada', password: 'ada' }, redirectUri);
  return { status, error: new URL(url).searchParams.get('error') ?? 'none' };
};

const approve: Attempt = async (origin) => {
  const [browser, client] = [new Browser(), await OAuthClient.register(origin)];
  const consent = await browser.open(client.authorizationUrl(), redirectUri);
  const { status, headers } = await browser.submit(consent, { answer: 'approve' }, 'http://');
  return { status, error: new URL(headers.get('location')!).searchParams.get('error') ?? 'none' };
};

const redeemCode: Attempt = async (origin) => {
  const client = await OAuthClient.register(origin);
  const answer = await client.redeem(await client.signIn('ada'));
  return { status: answer.status, error: ((await answer.json()) as { error?: string }).error ?? 'none' };
};

/** Sends `initialize` with a new token, and another request in its session. */
async function inSession(origin: string, next?: { method: string; body?: object }): Promise<Answer> {
  const { access_token } = await (await OAuthClient.register(origin)).tokensFor('ada');
  let answer = await postMcp(origin, access_token, initialize);
  if (next) {
    const headers = {
      authorization: `Bearer ${access_token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': answer.headers.get('mcp-session-id')!,
    };
    answer = await fetch(`${origin}/mcp`, {
      method: next.method,
      headers,
      body: next.body && JSON.stringify(next.body),
    });
  }
  const text = await answer.text();
  const message = text === '' ? {} : JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? text);
  const ofTool = message.result?.isError ? message.result.content[0].text : undefined;
  return { status: answer.status, error: message.error?.message ?? ofTool ?? 'none' };
}

const callLongTask: Attempt = (origin) =>
  inSession(origin, { method: 'POST', body: callTool('long_task', { milliseconds: 60 }) });
const startSession: Attempt = (origin) => inSession(origin);
const sendUnknownSession: Attempt = async (origin) => {
  const { access_token } = await (await OAuthClient.register(origin)).tokensFor('ada');
  const answer = await postMcp(origin, access_token, callTool('whoami'), { 'mcp-session-id': 'of-another-server' });
  const { error } = (await answer.json()) as { error?: { message: string } };
  return { status: answer.status, error: error?.message ?? 'none' };
};
const endSession: Attempt = (origin) => inSession(origin, { method: 'DELETE' });
const callUserinfo: Attempt = (origin) => inSession(origin, { method: 'POST', body: callTool('userinfo') });
const storeNote: Attempt = (origin) =>
  inSession(origin, { method: 'POST', body: callTool('note', { name: 'x', text: 'y' }) });

/** The line of the log: the function that wrote it and was denied, the action, the resource, and the condition. */
const denied = (construct: string, action: string, resource: string, condition: string) =>
  new RegExp(
    `^\\S*${construct}\\S*: .*/\\S*${construct}\\S*/local is not authorized to perform: ${action} ` +
      `on resource: arn:aws:\\w+:us-east-1:\\d{12}:${resource}[/:]\\S+ because .*${condition}`,
    'm',
  );

const cases: {
  permission: string;
  removal: Removal;
  attempt: Attempt;
  /** The status with the permission. */
  status: number;
  failure: Answer;
  denied: RegExp;
}[] = [
  {
    permission: 'dynamodb:UpdateItem of the MCP function',
    removal: withoutAction('Mcp', 'dynamodb:UpdateItem'),
    attempt: endSession,
    status: 200,
    failure: { status: 500, error: 'Internal server error' },
    denied: denied('Mcp', 'dynamodb:UpdateItem', 'table', 'dynamodb:LeadingKeys: S#'),
  },
  {
    permission: 'the prefix of grants in the role of the MCP function',
    removal: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'G#*'),
    attempt: startSession,
    status: 200,
    failure: { status: 500, error: 'Internal server error' },
    denied: denied('Mcp', 'dynamodb:BatchGetItem', 'table', 'dynamodb:LeadingKeys: G#'),
  },
  {
    permission: 'the purpose of decryption by the MCP function',
    removal: withoutValue('Mcp', 'kms:EncryptionContext:purpose', 'upstream'),
    attempt: callUserinfo,
    status: 200,
    // The model reads the message of a tool: it names no resource.
    failure: { status: 200, error: 'Internal server error; the server log has the details' },
    denied: denied('Mcp', 'kms:Decrypt', 'key', 'kms:EncryptionContext:purpose: upstream'),
  },
  {
    permission: 'the prefix of the users’ state in the role of the MCP function',
    removal: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'N#*'),
    attempt: storeNote,
    status: 200,
    failure: { status: 200, error: 'Internal server error; the server log has the details' },
    denied: denied('Mcp', 'dynamodb:UpdateItem', 'table', 'dynamodb:LeadingKeys: N#'),
  },
  {
    permission: 'the prefix of calls in the role of the MCP function',
    removal: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'D#*'),
    attempt: storeNote,
    status: 200,
    // The response does not depend on the audit log.
    failure: { status: 200, error: 'none' },
    denied: denied('Mcp', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: D#'),
  },
  {
    permission: 'the prefix of call markers in the role of the MCP function',
    removal: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'C#*'),
    attempt: storeNote,
    status: 200,
    failure: { status: 200, error: 'none' },
    denied: denied('Mcp', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: C#'),
  },
  {
    permission: 'the prefix of imported sessions in the role of the MCP function',
    removal: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'I#*'),
    attempt: sendUnknownSession,
    status: 200,
    failure: { status: 500, error: 'Internal server error' },
    denied: denied('Mcp', 'dynamodb:GetItem', 'table', 'dynamodb:LeadingKeys: I#'),
  },
  {
    permission: 'the prefix of executions in the role of the MCP function',
    removal: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'E#*'),
    attempt: callLongTask,
    status: 200,
    failure: { status: 200, error: 'Internal server error; the server log has the details' },
    denied: denied('Mcp', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: E#'),
  },
  {
    permission: 'the prefix of calls in the role of the worker',
    removal: withoutValue('Worker', 'dynamodb:LeadingKeys', 'D#*'),
    attempt: callLongTask,
    status: 200,
    failure: { status: 200, error: 'none' },
    denied: denied('Worker', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: D#'),
  },
  {
    permission: 'the invocation of the worker by the MCP function',
    removal: withoutAction('Mcp', 'lambda:InvokeFunction'),
    attempt: callLongTask,
    status: 200,
    failure: { status: 200, error: 'Internal server error; the server log has the details' },
    denied: denied('Mcp', 'lambda:InvokeFunction', 'function', 'lambda:InvokeFunction action'),
  },
  {
    permission: 'the prefix of authorization requests in the role of the OAuth function',
    removal: withoutValue('OAuth', 'dynamodb:LeadingKeys', 'AR#*'),
    attempt: requestAuthorization,
    status: 200,
    failure: { status: 500, error: 'server_error' },
    denied: denied('OAuth', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: AR#'),
  },
  {
    permission: 'the prefix of sign-ins in the role of the OAuth function',
    removal: withoutValue('OAuth', 'dynamodb:LeadingKeys', 'UP#*'),
    attempt: approve,
    status: 303,
    failure: { status: 303, error: 'server_error' },
    denied: denied('OAuth', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: UP#'),
  },
  {
    permission: 'the prefix of users in the role of the OAuth function',
    removal: withoutValue('OAuth', 'dynamodb:LeadingKeys', 'U#*'),
    attempt: finishSignIn,
    status: 303,
    failure: { status: 303, error: 'server_error' },
    denied: denied('OAuth', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: U#'),
  },
  {
    permission: 'kms:Decrypt of the OAuth function',
    removal: withoutAction('OAuth', 'kms:Decrypt'),
    // The key signs the cookie of the account too. The callback loads it before it uses the sign-in up.
    attempt: finishSignIn,
    status: 303,
    failure: { status: 500, error: 'none' },
    denied: denied('OAuth', 'kms:Decrypt', 'key', 'kms:EncryptionContext:purpose: refresh-mac'),
  },
  {
    permission: 'kms:Sign of the OAuth function',
    removal: withoutAction('OAuth', 'kms:Sign'),
    attempt: redeemCode,
    status: 200,
    failure: { status: 500, error: 'server_error' },
    denied: denied('OAuth', 'kms:Sign', 'key', ''),
  },
];

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await TestCloud.start();
  // Of the roles without a permission.
  cloud.expectFailures('audit_write_failed', 'session_failed', 'tool_failed');
});
afterAll(() => cloud?.stop());

describe('the stack', () => {
  test.each(cases)('grants $permission', async ({ attempt, status }) => {
    const before = cloud.log.length;
    expect(await attempt(cloud.origin)).toEqual({ status, error: 'none' });
    expect(cloud.log.slice(before)).not.toContain('not authorized');
  });
});

describe('a role', () => {
  test.each(cases)('without $permission fails, and the log says so', async ({ removal, attempt, failure, denied }) => {
    const before = cloud.log.length;
    // A cache of a function must not replace a request that its role denies.
    await cloud.recycle();
    await cloud.withPermissions(removal.construct, removal.change, async () => {
      expect(await attempt(cloud.origin)).toEqual(failure);
      // The log arrives by another pipe than the response.
      await becomes(() => /not authorized.*\n/.test(cloud.log.slice(before)));
    });
    expect(cloud.log.slice(before)).toMatch(denied);
  });
});

/** The flows whose writes are transactions of more than one item. */
const transactions: Record<string, Attempt> = {
  'the answer on the consent page': approve,
  'a sign-in': finishSignIn,
  'the redemption of a code': redeemCode,
  'a sign-in to the dashboard, and a revocation there': async (origin) => {
    const dashboard = await DashboardClient.signIn(origin, 'ada');
    return { status: (await dashboard.post('revoke-all')).status, error: 'none' };
  },
  'a revocation by the client': async (origin) => {
    const client = await OAuthClient.register(origin);
    const { refresh_token } = await client.tokensFor('ada');
    return { status: (await client.revoke(refresh_token)).status, error: 'none' };
  },
  'the renewal of a session': sendUnknownSession,
  'a long-running tool': callLongTask,
};

describe('a transaction', () => {
  test.each(Object.entries(transactions))(
    'is permitted if DynamoDB compares the keys of all its parts at once: %s',
    async (_, attempt) => {
      const before = cloud.log.length;
      await cloud.withLeadingKeys('aggregated', async () => {
        expect((await attempt(cloud.origin)).error).toBe('none');
      });
      expect(cloud.log.slice(before)).not.toContain('not authorized');
    },
  );

  test('is denied if DynamoDB compares no key, because the roles require one', async () => {
    const before = cloud.log.length;
    await cloud.withLeadingKeys('absent', async () => {
      expect(await approve(cloud.origin)).toEqual({ status: 303, error: 'server_error' });
      await becomes(() => /not authorized.*\n/.test(cloud.log.slice(before)));
    });
    expect(cloud.log.slice(before)).toMatch(denied('OAuth', 'dynamodb:UpdateItem', 'table', 'UpdateItem action'));
  });
});

test('the log of a function whose role does not permit it is lost, and the function continues', async () => {
  let sent = 0;
  const logOfRejection = async (): Promise<string> => {
    const before = cloud.log.length;
    // Another token each time, because the gateway caches the result for a token.
    expect((await postMcp(cloud.origin, `invalid-${++sent}`, initialize)).status).toBe(401);
    await becomes(() => /token_rejected|not authorized.*\n/.test(cloud.log.slice(before)));
    return cloud.log.slice(before);
  };
  expect(await logOfRejection()).toContain('"token_rejected"');
  const { construct, change } = withoutAction('Authorizer', 'logs:PutLogEvents');
  const log = await cloud.withPermissions(construct, change, logOfRejection);
  expect(log).toMatch(denied('Authorizer', 'logs:PutLogEvents', 'log-group', 'logs:PutLogEvents action'));
  expect(log).not.toContain('token_rejected');
});
