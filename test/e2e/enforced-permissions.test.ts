import { rmSync } from 'node:fs';
import { becomes } from '../support/becomes.ts';
import { Browser } from '../support/form-browser.ts';
import { Cloud, changed, newAssembly, type Resources } from '../support/test-cloud.ts';
import { callTool, initialize, OAuthClient, postMcp, redirectUri } from '../support/test-oauth-client.ts';

/**
 * A permission that the stack forgot fails in the local emulator as it would in AWS, and the log says which: the cloud is run from
 * a template with one permission less.
 */

jest.setTimeout(60_000);

type Statement = { Action: string | string[]; Condition?: Record<string, Record<string, string | string[]>> };

const listOf = <T>(value: T | T[]): T[] => [value].flat() as T[];

/** The policy of a function's role. */
function policyOf(resources: Resources, door: string): { Statement: Statement[] } {
  const policies = Object.entries(resources).filter(([, { Type }]) => Type === 'AWS::IAM::Policy');
  return policies.find(([id]) => id.startsWith(`${door}Role`))![1].Properties.PolicyDocument;
}

/** Takes an action from every statement of a function's role. */
const withoutAction = (door: string, action: string) => (resources: Resources) => {
  const policy = policyOf(resources, door);
  for (const statement of policy.Statement) {
    statement.Action = listOf(statement.Action).filter((each) => each !== action);
  }
  policy.Statement = policy.Statement.filter(({ Action }) => Action.length > 0);
};

/** Takes a value, such as a prefix of keys, from the conditions of a function's role. */
const withoutValue = (door: string, key: string, value: string) => (resources: Resources) => {
  const conditions = policyOf(resources, door).Statement.flatMap(({ Condition }) => Object.values(Condition ?? {}));
  for (const condition of conditions.filter((each) => key in each)) {
    condition[key] = listOf(condition[key]!).filter((each) => each !== value);
  }
};

type Answer = { status: number; said: string };

/** Goes the whole way to what needs the permission. */
type Attempt = (origin: string) => Promise<Answer>;

const openConsent: Attempt = async (origin) => {
  const client = await OAuthClient.register(origin);
  const { status, html } = await new Browser().open(client.authorizationUrl(), redirectUri);
  return { status, said: /<code lang="en">(\w+)/.exec(html)?.[1] ?? 'fine' };
};

const comeBack: Attempt = async (origin) => {
  const [browser, client] = [new Browser(), await OAuthClient.register(origin)];
  const consent = await browser.open(client.authorizationUrl(), redirectUri);
  const signIn = await browser.submit(consent, { answer: 'approve' });
  const { status, url } = await browser.submit(signIn, { username: 'ada', password: 'ada' }, redirectUri);
  return { status, said: new URL(url).searchParams.get('error') ?? 'fine' };
};

const approve: Attempt = async (origin) => {
  const [browser, client] = [new Browser(), await OAuthClient.register(origin)];
  const consent = await browser.open(client.authorizationUrl(), redirectUri);
  const { status, headers } = await browser.submit(consent, { answer: 'approve' }, 'http://');
  return { status, said: new URL(headers.get('location')!).searchParams.get('error') ?? 'fine' };
};

const redeemCode: Attempt = async (origin) => {
  const client = await OAuthClient.register(origin);
  const answer = await client.redeem(await client.signIn('ada'));
  return { status: answer.status, said: ((await answer.json()) as { error?: string }).error ?? 'fine' };
};

/** A request to `/mcp` with a new token, and one with the session that it began. */
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
  return { status: answer.status, said: message.error?.message ?? ofTool ?? 'fine' };
}

const workLong: Attempt = (origin) =>
  inSession(origin, { method: 'POST', body: callTool('long_task', { minutes: 0.001 }) });
const startSession: Attempt = (origin) => inSession(origin);
const bringForeignSession: Attempt = async (origin) => {
  const { access_token } = await (await OAuthClient.register(origin)).tokensFor('ada');
  const answer = await postMcp(origin, access_token, callTool('whoami'), { 'mcp-session-id': 'of-another-server' });
  const { error } = (await answer.json()) as { error?: { message: string } };
  return { status: answer.status, said: error?.message ?? 'fine' };
};
const endSession: Attempt = (origin) => inSession(origin, { method: 'DELETE' });
const askIdentityProvider: Attempt = (origin) => inSession(origin, { method: 'POST', body: callTool('userinfo') });
const takeNote: Attempt = (origin) =>
  inSession(origin, { method: 'POST', body: callTool('note', { name: 'x', text: 'y' }) });

/** What the log has to name: the function that wrote it and was refused, the action, the resource, and the condition. */
const denied = (door: string, action: string, resource: string, condition: string) =>
  new RegExp(
    `^\\S*${door}\\S*: .*/\\S*${door}\\S*/local is not authorized to perform: ${action} ` +
      `on resource: arn:aws:\\w+:us-east-1:\\d{12}:${resource}[/:]\\S+ because .*${condition}`,
    'm',
  );

const cases: {
  forgotten: string;
  change: (resources: Resources) => void;
  attempt: Attempt;
  /** The status when nothing is forgotten. */
  status: number;
  failure: Answer;
  denied: RegExp;
}[] = [
  {
    forgotten: 'dynamodb:UpdateItem of the MCP function',
    change: withoutAction('Mcp', 'dynamodb:UpdateItem'),
    attempt: endSession,
    status: 200,
    failure: { status: 500, said: 'Internal server error' },
    denied: denied('Mcp', 'dynamodb:UpdateItem', 'table', 'dynamodb:LeadingKeys: S#'),
  },
  {
    forgotten: 'the prefix of grants in the role of the MCP function',
    change: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'G#*'),
    attempt: startSession,
    status: 200,
    failure: { status: 500, said: 'Internal server error' },
    denied: denied('Mcp', 'dynamodb:BatchGetItem', 'table', 'dynamodb:LeadingKeys: G#'),
  },
  {
    forgotten: 'the purpose for which the MCP function unseals',
    change: withoutValue('Mcp', 'kms:EncryptionContext:purpose', 'upstream'),
    attempt: askIdentityProvider,
    status: 200,
    // The assistant reads what a tool says, so this names nothing.
    failure: { status: 200, said: 'Something went wrong on this server. Its log has the details.' },
    denied: denied('Mcp', 'kms:Decrypt', 'key', 'kms:EncryptionContext:purpose: upstream'),
  },
  {
    forgotten: 'the prefix of the users’ state in the role of the MCP function',
    change: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'N#*'),
    attempt: takeNote,
    status: 200,
    failure: { status: 200, said: 'Something went wrong on this server. Its log has the details.' },
    denied: denied('Mcp', 'dynamodb:GetItem', 'table', 'dynamodb:LeadingKeys: N#'),
  },
  {
    forgotten: 'the prefix of calls in the role of the MCP function',
    change: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'D#*'),
    attempt: takeNote,
    status: 200,
    // What is answered does not depend on the record.
    failure: { status: 200, said: 'fine' },
    denied: denied('Mcp', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: D#'),
  },
  {
    forgotten: 'the prefix of what marks calls in the role of the MCP function',
    change: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'C#*'),
    attempt: takeNote,
    status: 200,
    failure: { status: 200, said: 'fine' },
    denied: denied('Mcp', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: C#'),
  },
  {
    forgotten: 'the prefix of imported sessions in the role of the MCP function',
    change: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'I#*'),
    attempt: bringForeignSession,
    status: 200,
    failure: { status: 500, said: 'Internal server error' },
    denied: denied('Mcp', 'dynamodb:GetItem', 'table', 'dynamodb:LeadingKeys: I#'),
  },
  {
    forgotten: 'the prefix of runs in the role of the MCP function',
    change: withoutValue('Mcp', 'dynamodb:LeadingKeys', 'E#*'),
    attempt: workLong,
    status: 200,
    failure: { status: 200, said: 'Something went wrong on this server. Its log has the details.' },
    denied: denied('Mcp', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: E#'),
  },
  {
    forgotten: 'the prefix of calls in the role of the worker',
    change: withoutValue('Worker', 'dynamodb:LeadingKeys', 'D#*'),
    attempt: workLong,
    status: 200,
    failure: { status: 200, said: 'fine' },
    denied: denied('Worker', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: D#'),
  },
  {
    forgotten: 'to let the MCP function start the worker',
    change: withoutAction('Mcp', 'lambda:InvokeFunction'),
    attempt: workLong,
    status: 200,
    failure: { status: 200, said: 'Something went wrong on this server. Its log has the details.' },
    denied: denied('Mcp', 'lambda:InvokeFunction', 'function', 'lambda:InvokeFunction action'),
  },
  {
    forgotten: 'the prefix of authorization requests in the role of the OAuth function',
    change: withoutValue('OAuth', 'dynamodb:LeadingKeys', 'AR#*'),
    attempt: openConsent,
    status: 200,
    failure: { status: 500, said: 'server_error' },
    denied: denied('OAuth', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: AR#'),
  },
  {
    forgotten: 'the prefix of sign-ins, needed after the question is spent',
    change: withoutValue('OAuth', 'dynamodb:LeadingKeys', 'UP#*'),
    attempt: approve,
    status: 303,
    failure: { status: 303, said: 'server_error' },
    denied: denied('OAuth', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: UP#'),
  },
  {
    forgotten: 'the prefix of one item in a transaction of four',
    change: withoutValue('OAuth', 'dynamodb:LeadingKeys', 'U#*'),
    attempt: comeBack,
    status: 303,
    failure: { status: 303, said: 'server_error' },
    denied: denied('OAuth', 'dynamodb:PutItem', 'table', 'dynamodb:LeadingKeys: U#'),
  },
  {
    forgotten: 'kms:Decrypt of the OAuth function',
    change: withoutAction('OAuth', 'kms:Decrypt'),
    attempt: redeemCode,
    status: 200,
    failure: { status: 500, said: 'server_error' },
    denied: denied('OAuth', 'kms:Decrypt', 'key', 'kms:EncryptionContext:purpose: refresh-mac'),
  },
  {
    forgotten: 'kms:Sign of the OAuth function',
    change: withoutAction('OAuth', 'kms:Sign'),
    attempt: redeemCode,
    status: 200,
    failure: { status: 500, said: 'server_error' },
    denied: denied('OAuth', 'kms:Sign', 'key', ''),
  },
];

let assembly: string;
beforeAll(async () => {
  assembly = await newAssembly();
});
afterAll(() => assembly && rmSync(assembly, { recursive: true }));

describe('the stack as it is', () => {
  let cloud: Cloud;
  beforeAll(async () => {
    cloud = await Cloud.start({ assembly });
  });
  afterAll(() => cloud?.stop());

  test.each(cases)('does not forget $forgotten', async ({ attempt, status }) => {
    expect(await attempt(cloud.origin)).toEqual({ status, said: 'fine' });
    expect(cloud.log).not.toContain('not authorized');
  });
});

describe('the stack', () => {
  test.each(cases)('without $forgotten says so in its log', async (each) => {
    const less = changed(assembly, each.change);
    const cloud = await Cloud.start({ assembly: less });
    try {
      expect(await each.attempt(cloud.origin)).toEqual(each.failure);
      // The log comes by another pipe than the answer.
      await becomes(() => /not authorized.*\n/.test(cloud.log));
      expect(cloud.log).toMatch(each.denied);
    } finally {
      await cloud.stop();
      rmSync(less, { recursive: true });
    }
  });
});
