import { isResponse, objectIn, type Probe, type ProbeResponse, type ProbeResult } from './http-probe.ts';

/** What a deployment answers to somebody who has no token: the material of the checks. */
export type Facts = {
  /** As it was given: clients compare it byte by byte. */
  url: string;
  /** `/mcp` without a token, by method: clients look for the challenge in each of these ways. */
  challenges: Record<(typeof probes)[number], ProbeResult>;
  /** Protected-resource metadata (RFC 9728 §3.1): below the path of the server, and at the root. */
  metadata: { path: ProbeResult; root: ProbeResult };
  /** What the challenge named, where that is neither of them. */
  named?: ProbeResult;
  /** The first authorization server of the metadata. */
  issuer?: string;
  /** Where its own metadata may be, in the order in which clients look. */
  servers: ProbeResult[];
  keys?: ProbeResult;
  preflights: Partial<Record<'mcp' | 'token' | 'register', ProbeResult>>;
  /** `/authorize` for a client that nobody has registered. */
  stranger?: ProbeResult;
  /** The registration of a client, if that was asked for. */
  registration?: ProbeResult;
  /** `/authorize` for that client, with a redirect URI that is not its own. */
  foreign?: ProbeResult;
  /** The same URL by http. */
  plain?: ProbeResult;
  /** The API's own host, where it is known. */
  raw?: ProbeResult;
};

export const probes = ['POST', 'GET', 'HEAD', 'DELETE'] as const;

/** Where a page would be that calls the server from a browser. */
export const PAGE_ORIGIN = 'https://page.example';

/** Where no client is: `.example` belongs to nobody (RFC 2606 §3). */
export const FOREIGN_REDIRECT = 'https://foreign.example/callback';

/** What a browser-based client sends to `/mcp`, beside what needs no leave. */
export const mcpHeaders = ['authorization', 'content-type', 'mcp-session-id', 'mcp-protocol-version'];

/** The client that `--register` registers: the server that it is for forgets it within a day. */
export const throwAway = {
  client_name: 'Holdfast doctor',
  redirect_uris: ['http://127.0.0.1/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
};

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'holdfast-doctor', version: '1' } },
});

/**
 * Asks a deployment everything that a client asks before it has a token, and changes nothing there but for `register`.
 *
 * @param options.apiHost the API's own host, for a deployment whose answers do not give it away
 */
export async function gather(
  url: string,
  visit: Probe,
  options: { register?: boolean; apiHost?: string } = {},
): Promise<Facts> {
  const { origin, pathname, protocol, hostname, port } = new URL(url);
  const wellKnown = `${origin}/.well-known/oauth-protected-resource`;
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const [asked, path, root, mcp, plain] = await Promise.all([
    Promise.all(
      probes.map((method) => visit(url, { method, headers, ...(method === 'POST' && { body: initialize }) })),
    ),
    visit(`${wellKnown}${pathname === '/' ? '' : pathname}`),
    visit(wellKnown),
    preflight(visit, url, mcpHeaders),
    protocol === 'https:' && port === '' ? visit(`http://${hostname}${pathname}`) : undefined,
  ]);
  const challenges = Object.fromEntries(probes.map((method, index) => [method, asked[index]])) as Facts['challenges'];
  const named = resourceMetadataIn(challenges.POST);
  const elsewhere = named !== undefined && named !== path.url && named !== root.url && isFetchable(named, protocol);
  const facts: Facts = {
    url,
    challenges,
    metadata: { path, root },
    ...(elsewhere && { named: await visit(named) }),
    servers: [],
    preflights: { mcp },
    plain,
  };

  const servers = [path, facts.named, root].map((each) => objectIn(each)?.authorization_servers).find(Array.isArray);
  const issuer: unknown = servers?.[0];
  if (typeof issuer === 'string') {
    facts.issuer = issuer;
    if (isFetchable(issuer, protocol)) await gatherServer(facts, issuer, visit, options.register === true);
  }
  const apiHost = options.apiHost ?? apiHostIn(facts);
  if (apiHost !== undefined && apiHost !== hostname) {
    facts.raw = await visit(`https://${apiHost}/v1/mcp`, { method: 'POST', headers, body: initialize });
  }
  return facts;
}

async function gatherServer(facts: Facts, issuer: string, visit: Probe, register: boolean): Promise<void> {
  facts.servers = await Promise.all(wellKnownOf(issuer).map((each) => visit(each)));
  const server = serverIn(facts);
  const address = (name: string) => {
    const value = server?.[name];
    return typeof value === 'string' && isFetchable(value, new URL(facts.url).protocol) ? value : undefined;
  };
  const authorize = address('authorization_endpoint');
  const token = address('token_endpoint');
  const registration = address('registration_endpoint');
  const jwks = address('jwks_uri');
  const stranger = 'holdfast-doctor-is-not-registered';
  [facts.keys, facts.preflights.token, facts.preflights.register, facts.stranger] = await Promise.all([
    jwks && visit(jwks),
    token && preflight(visit, token, ['content-type']),
    registration && preflight(visit, registration, ['content-type']),
    authorize && visit(authorizationUrl(authorize, stranger, facts.url)),
  ]).then((all) => all.map((each) => each || undefined));
  if (!register || registration === undefined) return;
  facts.registration = await visit(registration, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(throwAway),
  });
  const client = objectIn(facts.registration)?.client_id;
  if (authorize && typeof client === 'string') {
    facts.foreign = await visit(authorizationUrl(authorize, client, facts.url));
  }
}

const preflight = (visit: Probe, url: string, headers: string[]) =>
  visit(url, {
    method: 'OPTIONS',
    headers: {
      origin: PAGE_ORIGIN,
      'access-control-request-method': 'POST',
      'access-control-request-headers': headers.join(','),
    },
  });

/** An authorization request that is right but for where the answer is to go. */
function authorizationUrl(endpoint: string, client: string, resource: string): string {
  const url = new URL(endpoint);
  const parameters = {
    response_type: 'code',
    client_id: client,
    redirect_uri: FOREIGN_REDIRECT,
    state: 'doctor',
    resource,
    // Of the example in RFC 7636, appendix B.
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** Where clients look for the metadata of an issuer (RFC 8414 §3.1; MCP 2025-11-25, authorization server metadata). */
export function wellKnownOf(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const inserted = ['oauth-authorization-server', 'openid-configuration'].map(
    (name) => `${origin}/.well-known/${name}${path}`,
  );
  return path === '' ? inserted : [...inserted, `${origin}${path}/.well-known/openid-configuration`];
}

/** The metadata that a client goes by: the first that is there. */
export const serverIn = ({ servers }: Facts): Record<string, unknown> | undefined =>
  servers
    .filter((each) => isResponse(each) && each.status === 200)
    .map(objectIn)
    .find((each) => each !== undefined);

/** What a challenge says, by parameter (RFC 9110 §11.6.1); nothing where it is of another scheme. */
export function challengeIn(visited: ProbeResult): Record<string, string> | undefined {
  const header = isResponse(visited) ? visited.headers['www-authenticate'] : undefined;
  if (header === undefined || !/^bearer\b/i.test(header)) return undefined;
  return Object.fromEntries(
    Array.from(header.matchAll(/([a-z_]+)="([^"]*)"/gi), ([, name, value]) => [name!.toLowerCase(), value!]),
  );
}

const resourceMetadataIn = (visited: ProbeResult) => challengeIn(visited)?.resource_metadata;

/** Whether to go there: http only from a server that is itself spoken to by http. */
const isFetchable = (url: string, protocol: string) => ['https:', protocol].includes(URL.parse(url)?.protocol ?? '');

/** API Gateway's name for the API, if it turns up in any answer. */
function apiHostIn({ challenges, metadata, servers }: Facts): string | undefined {
  const answers = [...Object.values(challenges), ...Object.values(metadata), ...servers].filter(isResponse);
  return answers.map(apiHost).find((each) => each !== undefined);
}

const apiHost = ({ headers, body }: ProbeResponse) =>
  /\b[a-z0-9]{10}\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?\b/.exec(
    `${Object.values(headers).join('\n')}\n${body}`,
  )?.[0];
