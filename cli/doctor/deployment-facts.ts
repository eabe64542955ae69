import {
  certificateEnd,
  isResponse,
  jsonObjectIn,
  type Probe,
  type ProbeResponse,
  type ProbeResult,
} from './http-probe.ts';
import { gatherProviderFacts, type ProviderFacts } from './provider-checks.ts';

/** The responses of a deployment to a client without a token: the input of the checks. */
export type Facts = {
  /** As given: clients compare it byte by byte. */
  url: string;
  /** `/mcp` without a token, by method: clients look for the challenge in each of these ways. */
  challenges: Record<(typeof challengedMethods)[number], ProbeResult>;
  /** Protected-resource metadata (RFC 9728 §3.1): with the path of the server inserted, and at the root. */
  metadata: { path: ProbeResult; root: ProbeResult };
  /** The metadata document that the challenge names, if it is neither of them. */
  namedMetadata?: ProbeResult;
  /** The first authorization server of the metadata. */
  issuer?: string;
  /** Its metadata at each location, in the order in which clients try them. */
  servers: ProbeResult[];
  keys?: ProbeResult;
  preflights: Partial<Record<'mcp' | 'token' | 'register', ProbeResult>>;
  /** `/authorize` for an unregistered client. */
  unknownClient?: ProbeResult;
  /** The registration of a client, with `register`. */
  registration?: ProbeResult;
  /** `/authorize` for that client, with a redirect URI that it did not register. */
  foreignRedirect?: ProbeResult;
  /** The beginning of a sign-in at the identity provider. */
  provider?: ProviderFacts;
  /** The same URL by http. */
  plainHttp?: ProbeResult;
  /** API Gateway's own host, if it is known. */
  apiHost?: ProbeResult;
  /** When the certificate expires, in epoch milliseconds; absent for http, and for a certificate that is not valid. */
  certificateEndsAt?: number | undefined;
};

export const challengedMethods = ['POST', 'GET', 'HEAD', 'DELETE'] as const;

/** The origin of a page that calls the server from a browser. */
export const PAGE_ORIGIN = 'https://page.example';

/** A redirect URI of no client: `.example` is reserved (RFC 2606 §3). */
export const FOREIGN_REDIRECT = 'https://foreign.example/callback';

/** Headers that a browser-based client sends to `/mcp` and that need a preflight. */
export const mcpHeaders = ['authorization', 'content-type', 'mcp-session-id', 'mcp-protocol-version'];

/**
 * The client that a command registers, as the MCP SDK does: with the scope that it then requests. Some providers reject a
 * registration for its scope.
 *
 * @param command it is named on the consent page
 */
export const clientMetadata = (command: 'doctor' | 'verify', redirectUri: string, scope: string | undefined) => ({
  client_name: `Holdfast ${command}`,
  redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
  ...(scope !== undefined && { scope }),
});

/** The scope that a client requests: of the challenge, else all of the metadata (MCP 2025-11-25, scope selection strategy). */
export function requestedScope({ challenges, metadata, namedMetadata }: Facts): string | undefined {
  const fromChallenge = challengeIn(challenges.POST)?.scope;
  if (fromChallenge) return fromChallenge;
  const documents = [metadata.path, namedMetadata, metadata.root].map((result) => jsonObjectIn(result));
  const scopes = documents.find((document) => document !== undefined)?.scopes_supported;
  return Array.isArray(scopes) && scopes.length > 0 ? scopes.join(' ') : undefined;
}

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'holdfast-doctor', version: '1' } },
});

const jsonRpcHeaders = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

export type FactOptions = {
  /** Also registers a client: the only request that changes anything. */
  register?: boolean | undefined;
  /** API Gateway's own host, for a deployment whose responses do not contain it. */
  apiHost?: string | undefined;
  /** Also redeems a made-up code at the identity provider, which checks the client secret. @default true */
  redeemsCode?: boolean;
};

/** Sends every request that a client sends before it has a token. */
export async function gatherFacts(
  url: string,
  probe: Probe,
  { register = false, apiHost, redeemsCode = true }: FactOptions = {},
): Promise<Facts> {
  const { origin, pathname, protocol, hostname, port } = new URL(url);
  const wellKnown = `${origin}/.well-known/oauth-protected-resource`;
  const [responses, path, root, mcp, plainHttp, certificateEndsAt] = await Promise.all([
    Promise.all(
      challengedMethods.map((method) =>
        probe(url, { method, headers: jsonRpcHeaders, ...(method === 'POST' && { body: initialize }) }),
      ),
    ),
    probe(`${wellKnown}${pathname === '/' ? '' : pathname}`),
    probe(wellKnown),
    preflight(probe, url, mcpHeaders),
    protocol === 'https:' && port === '' ? probe(`http://${hostname}${pathname}`) : undefined,
    protocol === 'https:' ? certificateEnd(url) : undefined,
  ]);
  const challenges = Object.fromEntries(
    challengedMethods.map((method, index) => [method, responses[index]]),
  ) as Facts['challenges'];
  const named = challengeIn(challenges.POST)?.resource_metadata;
  const isNamedElsewhere =
    named !== undefined && named !== path.url && named !== root.url && isFetchable(named, protocol);
  const facts: Facts = {
    url,
    challenges,
    metadata: { path, root },
    ...(isNamedElsewhere && { namedMetadata: await probe(named) }),
    servers: [],
    preflights: { mcp },
    plainHttp,
    certificateEndsAt,
  };

  const servers = [path, facts.namedMetadata, root]
    .map((result) => jsonObjectIn(result)?.authorization_servers)
    .find(Array.isArray);
  const issuer: unknown = servers?.[0];
  if (typeof issuer === 'string') {
    facts.issuer = issuer;
    if (isFetchable(issuer, protocol)) await gatherAuthorizationServer(facts, issuer, probe, { register, redeemsCode });
  }
  const host = apiHost ?? apiHostIn(facts);
  if (host !== undefined && host !== hostname) {
    facts.apiHost = await probe(`https://${host}/v1/mcp`, {
      method: 'POST',
      headers: jsonRpcHeaders,
      body: initialize,
    });
  }
  return facts;
}

async function gatherAuthorizationServer(
  facts: Facts,
  issuer: string,
  probe: Probe,
  { register, redeemsCode }: Required<Pick<FactOptions, 'redeemsCode'>> & { register: boolean },
): Promise<void> {
  facts.servers = await Promise.all(metadataLocations(issuer).map((location) => probe(location)));
  const server = serverMetadataIn(facts);
  const endpoint = (name: string) => {
    const value = server?.[name];
    return typeof value === 'string' && isFetchable(value, new URL(facts.url).protocol) ? value : undefined;
  };
  const authorize = endpoint('authorization_endpoint');
  const token = endpoint('token_endpoint');
  const registration = endpoint('registration_endpoint');
  const jwks = endpoint('jwks_uri');
  [facts.keys, facts.preflights.token, facts.preflights.register, facts.unknownClient] = await Promise.all([
    jwks ? probe(jwks) : undefined,
    token ? preflight(probe, token, ['content-type']) : undefined,
    registration ? preflight(probe, registration, ['content-type']) : undefined,
    authorize ? probe(authorizationUrl(authorize, 'holdfast-doctor-is-not-registered', facts.url)) : undefined,
  ]);
  const { origin } = new URL(facts.url);
  if (URL.parse(issuer)?.origin === origin) facts.provider = await gatherProviderFacts(origin, probe, redeemsCode);
  if (!register || registration === undefined) return;
  facts.registration = await probe(registration, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(clientMetadata('doctor', 'http://127.0.0.1/callback', requestedScope(facts))),
  });
  const client = jsonObjectIn(facts.registration)?.client_id;
  if (authorize && typeof client === 'string') {
    facts.foreignRedirect = await probe(authorizationUrl(authorize, client, facts.url));
  }
}

const preflight = (probe: Probe, url: string, headers: string[]) =>
  probe(url, {
    method: 'OPTIONS',
    headers: {
      origin: PAGE_ORIGIN,
      'access-control-request-method': 'POST',
      'access-control-request-headers': headers.join(','),
    },
  });

/** An authorization request that is valid except for its redirect URI. */
function authorizationUrl(endpoint: string, client: string, resource: string): string {
  const url = new URL(endpoint);
  const parameters = {
    response_type: 'code',
    client_id: client,
    redirect_uri: FOREIGN_REDIRECT,
    state: 'doctor',
    resource,
    // The example of RFC 7636, appendix B.
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** Where clients look for an issuer's metadata (RFC 8414 §3.1; MCP 2025-11-25, authorization server metadata). */
function metadataLocations(issuer: string): string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const inserted = ['oauth-authorization-server', 'openid-configuration'].map(
    (name) => `${origin}/.well-known/${name}${path}`,
  );
  return path === '' ? inserted : [...inserted, `${origin}${path}/.well-known/openid-configuration`];
}

/** The authorization server metadata that a client uses: the first document found. */
export const serverMetadataIn = ({ servers }: Facts): Record<string, unknown> | undefined =>
  servers
    .filter((result) => isResponse(result) && result.status === 200)
    .map(jsonObjectIn)
    .find((document) => document !== undefined);

/** The parameters of a Bearer challenge (RFC 9110 §11.6.1); undefined for another scheme. */
export function challengeIn(result: ProbeResult): Record<string, string> | undefined {
  const header = isResponse(result) ? result.headers['www-authenticate'] : undefined;
  if (header === undefined || !/^bearer\b/i.test(header)) return undefined;
  return Object.fromEntries(
    Array.from(header.matchAll(/([a-z_]+)="([^"]*)"/gi), ([, name, value]) => [name!.toLowerCase(), value!]),
  );
}

/** Http is fetched only for a server that is itself reached by http. */
const isFetchable = (url: string, protocol: string) => ['https:', protocol].includes(URL.parse(url)?.protocol ?? '');

/** API Gateway's host name of the API, if any response contains it. */
function apiHostIn({ challenges, metadata, servers }: Facts): string | undefined {
  const responses = [...Object.values(challenges), ...Object.values(metadata), ...servers].filter(isResponse);
  return responses.map(apiHostInResponse).find((host) => host !== undefined);
}

const apiHostInResponse = ({ headers, body }: ProbeResponse) =>
  /\b[a-z0-9]{10}\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?\b/.exec(
    `${Object.values(headers).join('\n')}\n${body}`,
  )?.[0];
