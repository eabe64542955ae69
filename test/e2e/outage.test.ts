import type { Service } from '../../bench/harness/fault-injection.ts';
import {
  callTool,
  initialize,
  OAuthClient,
  postMcp,
  redirectUri,
  register,
  type Tokens,
} from '../../bench/harness/raw-oauth-client.ts';
import { Browser, type Page } from '../../local/testing/form-browser.ts';
import { TestCloud } from '../support/test-cloud.ts';

/**
 * An outage is never "not found": while a service that a request needs does not answer, the response is 503, and after
 * the outage the same request succeeds, with the same code, token, form or session. The request meets cold functions, so
 * that no cache hides what it needs.
 */

jest.setTimeout(60_000);

let cloud: TestCloud;

beforeAll(async () => {
  cloud = await TestCloud.start({
    // The provider's access tokens are due from the start, so that every refresh calls the identity provider.
    change: (resources) => {
      const client = Object.values(resources).find(({ Type }) => Type === 'AWS::Cognito::UserPoolClient')!;
      Object.assign(client.Properties, { AccessTokenValidity: 1 });
      client.Properties.TokenValidityUnits.AccessToken = 'minutes';
    },
  });
  // During the outages.
  cloud.expectFailures('session_failed', 'upstream_revocation_failed');
});
afterAll(() => cloud?.stop());

/** Runs the work on cold functions and empty caches while the service does not answer. */
async function during<T>(service: Service, work: () => Promise<T>): Promise<T> {
  await cloud.recycle();
  await cloud.invalidate();
  return cloud.without(service, work);
}

/** Runs the work on cold functions. */
async function afterwards<T>(work: () => Promise<T>): Promise<T> {
  await cloud.recycle();
  return work();
}

type Answer = { status: number; headers: Headers; text: string };

const answerOf = async (response: Response): Promise<Answer> => ({
  status: response.status,
  headers: response.headers,
  text: await response.text(),
});
const ofPage = ({ status, headers, html }: Page): Answer => ({ status, headers, text: html });

const aClient = () => OAuthClient.register(cloud.origin);

/** A registered client and the tokens of its user. */
async function signedIn(): Promise<{ client: OAuthClient; tokens: Tokens }> {
  const client = await aClient();
  return { client, tokens: await client.tokensFor('ada') };
}

/** A legacy session and its requests. */
async function aSession() {
  const { access_token } = (await signedIn()).tokens;
  const id = (await postMcp(cloud.origin, access_token, initialize)).headers.get('mcp-session-id')!;
  const headers = { 'mcp-session-id': id };
  return {
    id,
    send: (body: unknown) => postMcp(cloud.origin, access_token, body, headers),
    end: () =>
      fetch(`${cloud.origin}/mcp`, {
        method: 'DELETE',
        headers: { ...headers, authorization: `Bearer ${access_token}` },
      }),
  };
}

/** A tool call of 2026-07-28. */
function modernCall(token: string, name: string): Promise<Response> {
  const call = callTool(name);
  const envelope = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const body = { ...call, params: { ...call.params, _meta: envelope } };
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': call.method, 'mcp-name': name };
  return postMcp(cloud.origin, token, body, headers);
}

/** The id of the session that the tool `session` reports. */
const reportedSession = ({ text }: Answer) => /\\"id\\": \\"([^\\]+)\\"/.exec(text)?.[1];

/** Signs in at the provider, and returns the URL of the callback without opening it. */
async function pendingCallback(): Promise<{ browser: Browser; url: string }> {
  const browser = new Browser();
  const consent = await browser.open((await aClient()).authorizationUrl(), redirectUri);
  const signIn = await browser.submit(consent, { answer: 'approve' });
  const back = await browser.submit(signIn, { username: 'ada', password: 'ada' }, `${cloud.origin}/callback`);
  return { browser, url: back.url };
}

/** A request that can be repeated unchanged, and the expectation for its response without an outage. */
type Attempt = { send: () => Promise<Answer>; works: (answer: Answer) => unknown };

type Kind = {
  /** The recipient of an error: an OAuth client, a user, or an assistant. */
  reader: 'client' | 'user' | 'assistant';
  /** Performs the flow up to the request. */
  prepare: () => Promise<Attempt>;
};

const isOk = ({ status }: Answer) => expect(status).toBe(200);

const requests = {
  'a registration': {
    reader: 'client',
    prepare: async () => ({
      send: async () => answerOf(await register(cloud.origin, { redirect_uris: ['http://127.0.0.1/outage'] })),
      works: ({ status }) => expect(status).toBe(201),
    }),
  },
  'an authorization request': {
    reader: 'user',
    prepare: async () => {
      const client = await aClient();
      return {
        send: async () => ofPage(await new Browser().open(client.authorizationUrl(), redirectUri)),
        works: ({ text }) => expect(text).toContain('Connect “By hand”?'),
      };
    },
  },
  'a consent': {
    reader: 'user',
    prepare: async () => {
      const browser = new Browser();
      const page = await browser.open((await aClient()).authorizationUrl(), redirectUri);
      return {
        send: async () => ofPage(await browser.submit(page, { answer: 'approve' }, 'http://localhost:')),
        works: ({ headers }) => expect(headers.get('location')).toMatch(/^http:\/\/localhost:.*\/oauth2\/authorize\?/),
      };
    },
  },
  'a callback': {
    reader: 'user',
    prepare: async () => {
      const { browser, url } = await pendingCallback();
      return {
        send: async () => ofPage(await browser.open(url, redirectUri)),
        works: ({ headers }) => expect(headers.get('location')).toMatch(/[?&]code=hac1_/),
      };
    },
  },
  'a code': {
    reader: 'client',
    prepare: async () => {
      const client = await aClient();
      const code = await client.signIn('ada');
      return { send: async () => answerOf(await client.redeem(code)), works: isOk };
    },
  },
  'a refresh token': {
    reader: 'client',
    prepare: async () => {
      const { client, tokens } = await signedIn();
      return { send: async () => answerOf(await client.refresh(tokens.refresh_token)), works: isOk };
    },
  },
  'a revocation': {
    reader: 'client',
    prepare: async () => {
      const { client, tokens } = await signedIn();
      return {
        send: async () => answerOf(await client.revoke(tokens.refresh_token)),
        works: async (answer) => {
          isOk(answer);
          expect((await client.refresh(tokens.refresh_token)).status).toBe(400);
        },
      };
    },
  },
  'an initialize': {
    reader: 'assistant',
    prepare: async () => {
      const { access_token } = (await signedIn()).tokens;
      return {
        send: async () => answerOf(await postMcp(cloud.origin, access_token, initialize)),
        works: ({ headers }) => expect(headers.get('mcp-session-id')).not.toBeNull(),
      };
    },
  },
  'a call in a session': {
    reader: 'assistant',
    prepare: async () => {
      const session = await aSession();
      return {
        send: async () => answerOf(await session.send(callTool('session'))),
        works: (answer) => expect(reportedSession(answer)).toBe(session.id),
      };
    },
  },
  'a call without a session': {
    reader: 'assistant',
    prepare: async () => {
      const { access_token } = (await signedIn()).tokens;
      const send = async () => answerOf(await modernCall(access_token, 'session'));
      const before = reportedSession(await send());
      return {
        send,
        works: (answer) => {
          expect(before).toMatch(/^[\w-]{22}$/);
          expect(reportedSession(answer)).toBe(before);
        },
      };
    },
  },
  'the end of a session': {
    reader: 'assistant',
    prepare: async () => {
      const session = await aSession();
      return {
        send: async () => answerOf(await session.end()),
        works: async (answer) => {
          isOk(answer);
          expect((await session.send(callTool('session'))).status).toBe(404);
        },
      };
    },
  },
} satisfies Record<string, Kind>;

type Request = keyof typeof requests;

/** Expects 503 in the format of the recipient, with `Retry-After`. */
function expectUnavailable({ status, headers, text }: Answer, reader: Kind['reader']): void {
  expect(status).toBe(503);
  expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  switch (reader) {
    case 'client':
      expect(JSON.parse(text)).toMatchObject({ error: 'temporarily_unavailable' });
      break;
    case 'user':
      expect(headers.get('content-type')).toMatch(/^text\/html/);
      expect(text).toContain('One moment, please');
      break;
    case 'assistant':
      expect(JSON.parse(text)).toMatchObject({ jsonrpc: '2.0', error: { code: -32000 } });
      break;
  }
}

async function expectRetry(service: Service, { reader, prepare }: Kind): Promise<void> {
  const { send, works } = await prepare();
  expectUnavailable(await during(service, send), reader);
  await works(await afterwards(send));
}

describe('during an outage of the table', () => {
  test.each(Object.keys(requests) as Request[])('%s is answered 503, and succeeds afterwards', async (request) => {
    await expectRetry('dynamodb', requests[request]);
  });
});

describe('during an outage of KMS', () => {
  test.each<Request>(['a callback', 'a code', 'a refresh token', 'a revocation'])(
    '%s is answered 503, and succeeds afterwards',
    async (request) => {
      await expectRetry('kms', requests[request]);
    },
  );

  test('cold functions accept a valid token, and publish the key set', async () => {
    const { access_token } = (await signedIn()).tokens;
    await cloud.recycle();
    await cloud.invalidate();
    isOk(await cloud.without('kms', async () => answerOf(await postMcp(cloud.origin, access_token, initialize))));
    isOk(await cloud.without('kms', async () => answerOf(await fetch(`${cloud.origin}/jwks.json`))));
  });
});

describe('during an outage of the identity provider', () => {
  test.each<Request>(['a consent', 'a refresh token'])(
    '%s is answered 503, and succeeds afterwards',
    async (request) => {
      await expectRetry('idp', requests[request]);
    },
  );

  test('a callback redirects to the client with temporarily_unavailable, and succeeds afterwards', async () => {
    const { browser, url } = await pendingCallback();
    const back = await during('idp', () => browser.open(url, redirectUri));
    expect(Object.fromEntries(new URL(back.url).searchParams)).toEqual({
      error: 'temporarily_unavailable',
      error_description: expect.any(String),
      state: 'the-state',
      iss: cloud.origin,
    });
    const again = await afterwards(() => browser.open(url, redirectUri));
    expect(new URL(again.url).searchParams.get('code')).toMatch(/^hac1_/);
  });

  test('a revocation succeeds', async () => {
    const { send, works } = await requests['a revocation'].prepare();
    await works(await during('idp', send));
  });
});

test('during an outage of all services, clients discover how to sign in', async () => {
  const documents = ['oauth-protected-resource', 'oauth-protected-resource/mcp', 'oauth-authorization-server'];
  const answers = await during('dynamodb', () =>
    cloud.without('kms', () =>
      cloud.without('idp', async () => [
        ...(await Promise.all(documents.map((name) => fetch(`${cloud.origin}/.well-known/${name}`)))),
        await postMcp(cloud.origin, undefined, initialize),
      ]),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 401]);
  expect(answers.at(-1)!.headers.get('www-authenticate')).toContain('resource_metadata=');
});
