import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as oauth from 'oauth4webapi';
import { type Facts, serverIn } from './deployment-facts.ts';
import { type Finding, fail, note, ok, quoted, type Remedy, warn } from './finding.ts';
import { isResponse, type Probe, type ProbeResponse, type ProbeResult } from './http-probe.ts';

export type SignInOptions = {
  /** A client that has been set up for this; otherwise one is registered. */
  clientId?: string;
  /** Is told the address that a person has to open. */
  announce(url: string): void;
  /** How long the person has, in milliseconds. */
  patienceMilliseconds: number;
  /** For each request, in milliseconds. */
  timeoutMilliseconds: number;
};

/** Ends the sign-in, and is its last finding. */
class Stopped extends Error {
  readonly finding: Finding;

  constructor(check: string, found: string, remedy: Remedy) {
    super(found);
    this.finding = fail(check, found, remedy);
  }
}

/**
 * Signs in as a client does, with a person at the browser; then uses the token in both eras of the protocol, and ends what
 * it has begun.
 */
export async function signIn(facts: Facts, visit: Probe, options: SignInOptions): Promise<Finding[]> {
  const findings: Finding[] = [];
  const server = serverIn(facts);
  const { issuer } = facts;
  if (server === undefined || issuer === undefined || server.issuer !== issuer) return findings;
  const as = server as oauth.AuthorizationServer;
  try {
    const { client, token, found } = await tokenBy(as, facts, options);
    findings.push(...found);
    try {
      for (const era of [oldEra, newEra, listening]) {
        for await (const finding of era(facts.url, token, visit)) findings.push(finding);
      }
    } finally {
      findings.push(...(await revoked(as, client, token, facts.url, visit, options)));
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    findings.push(error.finding);
  }
  return findings;
}

async function tokenBy(as: oauth.AuthorizationServer, facts: Facts, options: SignInOptions) {
  const found: Finding[] = [];
  const callback = await Callback.listen();
  try {
    const http = httpOptions(facts.url, options);
    const client: oauth.Client =
      options.clientId === undefined
        ? await during(
            'sign-in/registration',
            'See the check `registration`, or name a client with --client-id.',
            async () =>
              oauth.processDynamicClientRegistrationResponse(
                await oauth.dynamicClientRegistrationRequest(
                  as,
                  {
                    client_name: 'Holdfast doctor',
                    redirect_uris: [callback.url],
                    grant_types: ['authorization_code', 'refresh_token'],
                    response_types: ['code'],
                    token_endpoint_auth_method: 'none',
                  },
                  http,
                ),
              ),
          )
        : { client_id: options.clientId };
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const url = new URL(as.authorization_endpoint!);
    const parameters = {
      response_type: 'code',
      client_id: client.client_id,
      redirect_uri: callback.url,
      state,
      resource: facts.url,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    const scopes = scopeOf(facts);
    if (scopes !== undefined) url.searchParams.set('scope', scopes);
    options.announce(url.href);
    const back = await callback.arrival(options.patienceMilliseconds);
    const answer = await during(
      'sign-in/answer',
      'The code of the error says what it was: access_denied is a person who said no.',
      async () => oauth.validateAuthResponse(as, client, back, state),
    );
    found.push(ok('sign-in/answer', 'the browser came back with a code, the state and the issuer’s name'));
    const tokens = await during(
      'sign-in/token',
      'Look in the logs of the OAuth function (docs/operate.md).',
      async () =>
        oauth.processAuthorizationCodeResponse(
          as,
          client,
          await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), answer, callback.url, verifier, {
            ...http,
            additionalParameters: { resource: facts.url },
          }),
        ),
    );
    const { expires_in: seconds, refresh_token: refresh, scope } = tokens;
    found.push(ok('sign-in/token', `a token for ${seconds ?? 'unknown'} seconds, scope ${quoted(scope ?? scopes)}`));
    found.push(
      refresh === undefined
        ? warn('sign-in/refresh', 'no refresh token', {
            why: 'The user signs in anew whenever the access token expires.',
            mend: 'In direct mode, add offline_access to idpScopes if the provider wants it.',
          })
        : ok('sign-in/refresh', 'a refresh token with it'),
    );
    return { client, token: tokens.access_token, found };
  } finally {
    callback.close();
  }
}

/** What the challenge asks for, as clients do (MCP 2025-11-25, scope selection strategy). */
function scopeOf({ challenges: { POST } }: Facts): string | undefined {
  return isResponse(POST) ? /scope="([^"]*)"/.exec(POST.headers['www-authenticate'] ?? '')?.[1] : undefined;
}

/** Http is for a server that is spoken to by http itself: one on this computer. */
const httpOptions = (url: string, { timeoutMilliseconds }: SignInOptions) => ({
  [oauth.allowInsecureRequests]: url.startsWith('http:'),
  signal: () => AbortSignal.timeout(timeoutMilliseconds),
});

async function during<T>(check: string, mend: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { error: code, error_description: description } = error as { error?: string; error_description?: string };
    const said = code === undefined ? (error as Error).message : [code, description].filter(Boolean).join(': ');
    throw new Stopped(check, said, { why: 'A client stops here.', mend });
  }
}

/** Where the browser comes back to, on a free port of this computer (RFC 8252 §7.3). */
class Callback {
  readonly url: string;
  readonly #arrived: Promise<URL>;
  readonly #close: () => void;

  private constructor(url: string, arrived: Promise<URL>, close: () => void) {
    this.url = url;
    this.#arrived = arrived;
    this.#close = close;
  }

  static async listen(): Promise<Callback> {
    let arrive: (url: URL) => void;
    const arrived = new Promise<URL>((resolve) => {
      arrive = resolve;
    });
    const listener = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      const isBack = url.pathname === '/callback';
      response.writeHead(isBack ? 200 : 404, { 'content-type': 'text/plain', connection: 'close' });
      response.end(isBack ? 'Signed in: you may close this window.\n' : 'There is nothing here.\n');
      if (isBack) arrive(url);
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    return new Callback(`http://127.0.0.1:${port}/callback`, arrived, () => listener.close());
  }

  async arrival(patienceMilliseconds: number): Promise<URL> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(
          new Stopped('sign-in/answer', 'nobody came back from the browser', {
            why: 'A client waits as well.',
            mend: 'Open the address in a browser on this computer. If it showed an error, that page says what to do.',
          }),
        );
      }, patienceMilliseconds);
    });
    try {
      return await Promise.race([this.#arrived, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#close();
  }
}

const inLogs = 'Look in the logs of the MCP function (docs/operate.md).';

function post(url: string, token: string, visit: Probe, message: object, headers: Record<string, string> = {}) {
  return visit(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  });
}

/** The result of a JSON-RPC answer, be it JSON or an event of a stream. */
function resultOf(visited: ProbeResult): Record<string, unknown> | undefined {
  if (!isResponse(visited) || visited.status !== 200) return undefined;
  const data = visited.headers['content-type']?.startsWith('text/event-stream')
    ? Array.from(visited.body.matchAll(/^data: ?(.+)$/gm), ([, line]) => line!)
    : [visited.body];
  for (const each of data) {
    try {
      const { result } = JSON.parse(each) as { result?: Record<string, unknown> };
      if (result !== undefined) return result;
    } catch {
      // A line that is cut off, or no JSON: it has no result in it.
    }
  }
  return undefined;
}

const seen = (visited: ProbeResult) =>
  isResponse(visited) ? `${visited.status} ${quoted(visited.body)}` : visited.problem;

const toolsIn = (visited: ProbeResult) => {
  const tools = resultOf(visited)?.tools;
  return Array.isArray(tools) ? tools.length : undefined;
};

/** `initialize` and a session (MCP 2025-11-25). */
async function* oldEra(url: string, token: string, visit: Probe): AsyncGenerator<Finding> {
  const protocolVersion = '2025-11-25';
  const params = { protocolVersion, capabilities: {}, clientInfo: { name: 'holdfast-doctor', version: '1' } };
  const begun = await post(url, token, visit, { id: 1, method: 'initialize', params });
  const agreed = resultOf(begun)?.protocolVersion;
  if (typeof agreed !== 'string') {
    yield fail('2025/initialize', seen(begun), { why: 'Most clients begin like this.', mend: inLogs });
    return;
  }
  const session = (begun as ProbeResponse).headers['mcp-session-id'];
  yield session === undefined
    ? warn('2025/initialize', `${agreed}, without a session`, {
        why: 'Nothing is remembered from one request to the next.',
        mend: 'Look whether something in front of the API takes Mcp-Session-Id away.',
      })
    : ok('2025/initialize', `${agreed}, and a session has begun`);
  const headers = { 'mcp-protocol-version': agreed, ...(session !== undefined && { 'mcp-session-id': session }) };
  await post(url, token, visit, { method: 'notifications/initialized' }, headers);
  const listed = await post(url, token, visit, { id: 2, method: 'tools/list' }, headers);
  const tools = toolsIn(listed);
  yield tools === undefined
    ? fail('2025/tools', seen(listed), { why: 'An assistant finds no tools.', mend: inLogs })
    : ok('2025/tools', `${tools} tools`);
  if (session === undefined) return;
  const ended = await visit(url, { method: 'DELETE', headers: { authorization: `Bearer ${token}`, ...headers } });
  yield isResponse(ended) && ended.status < 300
    ? ok('2025/end', 'the session has ended')
    : warn('2025/end', seen(ended), { why: 'Sessions stay until they expire.', mend: inLogs });
}

/** `server/discover` and no session (MCP 2026-07-28). */
async function* newEra(url: string, token: string, visit: Probe): AsyncGenerator<Finding> {
  const version = '2026-07-28';
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': version,
    'io.modelcontextprotocol/clientInfo': { name: 'holdfast-doctor', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const ask = (id: number, method: string) =>
    post(
      url,
      token,
      visit,
      { id, method, params: { _meta } },
      { 'mcp-protocol-version': version, 'mcp-method': method },
    );
  const discovered = await ask(3, 'server/discover');
  const versions = resultOf(discovered)?.supportedVersions;
  if (!Array.isArray(versions)) {
    yield fail('2026/discover', seen(discovered), {
      why: 'New clients ask this first, and fall back to the older way, or fail.',
      mend: 'Look whether something in front of the API takes MCP-Protocol-Version or Mcp-Method away; then in the logs of the MCP function.',
    });
    return;
  }
  yield ok('2026/discover', versions.join(', '));
  const listed = await ask(4, 'tools/list');
  const tools = toolsIn(listed);
  yield tools === undefined
    ? fail('2026/tools', seen(listed), { why: 'An assistant finds no tools.', mend: inLogs })
    : ok('2026/tools', `${tools} tools`);
}

/** A GET, by which older clients listen: an answer at once, or a stream. */
async function* listening(url: string, token: string, visit: Probe): AsyncGenerator<Finding> {
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
  const visited = await visit(url, { headers });
  const isStream = isResponse(visited) && visited.headers['content-type']?.startsWith('text/event-stream');
  yield isResponse(visited) && (visited.status === 405 || (visited.status === 200 && isStream))
    ? ok('2025/listen', visited.status === 405 ? 'refused at once (405), so clients do not come back' : 'a stream')
    : fail('2025/listen', seen(visited), {
        why: 'Clients connect again and again, or wait (405 is what they understand).',
        mend: 'Look at what stands in front of the API.',
      });
}

async function revoked(
  as: oauth.AuthorizationServer,
  client: oauth.Client,
  token: string,
  url: string,
  visit: Probe,
  options: SignInOptions,
): Promise<Finding[]> {
  if (as.revocation_endpoint === undefined) {
    return [note('sign-in/revocation', 'there is nowhere to revoke the token: it is good until it expires')];
  }
  try {
    const answer = await oauth.revocationRequest(as, client, oauth.None(), token, httpOptions(url, options));
    await oauth.processRevocationResponse(answer);
  } catch (error) {
    return [
      fail('sign-in/revocation', (error as Error).message, {
        why: 'A user cannot take back what an assistant was given.',
        mend: 'Look in the logs of the OAuth function (docs/operate.md). The token is good until it expires.',
      }),
    ];
  }
  const after = await post(url, token, visit, { id: 5, method: 'ping' });
  if (isResponse(after) && after.status === 401) return [ok('sign-in/revocation', 'revoked, and refused from then on')];
  return [
    warn('sign-in/revocation', `revoked, but then ${seen(after)}`, {
      why: 'Revocation takes effect only when the token expires.',
      mend: 'In direct mode that is the provider’s way: see docs/operate.md for ending a grant here. Otherwise look in the logs of the MCP function.',
    }),
  ];
}
