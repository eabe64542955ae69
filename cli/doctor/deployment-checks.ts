import { hasPrivateMembers } from '../../lambda/shared/jwk-members.ts';
import { isLoopbackHost } from '../../lambda/shared/loopback.ts';
import {
  challengeIn,
  type Facts,
  FOREIGN_REDIRECT,
  mcpHeaders,
  PAGE_ORIGIN,
  probes,
  serverIn,
} from './deployment-facts.ts';
import { type Finding, fail, note, ok, quoted, type Remedy, warn } from './finding.ts';
import { isResponse, objectIn, type ProbeResponse, type ProbeResult } from './http-probe.ts';

/**
 * What the facts mean: one function a subject, each a list of findings. Nothing here asks anybody anything, so that tests
 * can hand in a deployment that is broken in one place.
 */
export function judge(facts: Facts): Finding[] {
  const start = [...address(facts), ...reachable(facts)];
  if (!isResponse(facts.challenges.POST)) return start;
  return [
    ...start,
    ...plainHttp(facts),
    ...ownHost(facts),
    ...challenges(facts),
    ...resourceMetadata(facts),
    ...serverMetadata(facts),
    ...keys(facts),
    ...pages(facts),
    ...registration(facts),
    ...crossOrigin(facts),
    ...clock(facts),
    ...times(facts),
  ];
}

function* address({ url }: Facts): Generator<Finding> {
  const parsed = new URL(url);
  if (parsed.protocol !== 'https:' && !isLoopbackHost(parsed)) {
    yield fail('url', `${quoted(url)} is not https`, {
      why: 'Assistants refuse it, and tokens would cross the network in the clear.',
      mend: 'Use the URL of the stack’s output McpUrl.',
    });
  }
  if (/\.execute-api\./.test(parsed.hostname)) {
    yield fail('url', 'this is the API’s own host', {
      why: 'There every path begins with the stage, so that clients cannot find the metadata, which is at the root.',
      mend: 'Use the URL of the stack’s output McpUrl.',
    });
  } else if (parsed.href !== url || parsed.search !== '' || parsed.pathname.endsWith('/')) {
    yield fail('url', `${quoted(url)} is not as clients will write it`, {
      why: 'Clients compare the URL with the metadata byte by byte; some cut off a slash at the end, or a query.',
      mend: `Use ${quoted(`${parsed.origin}${parsed.pathname.replace(/\/+$/, '') || '/mcp'}`)}.`,
    });
  } else {
    yield ok('url', `${parsed.protocol === 'https:' ? 'https' : 'http on this computer'}, as clients will write it`);
  }
}

/** What to do about each way of not getting through, by Node's code for it. */
const problems: [code: RegExp, Remedy][] = [
  [
    /ENOTFOUND|EAI_AGAIN/,
    {
      why: 'The host name leads nowhere.',
      mend: 'With a domain of your own, let it point (CNAME) to the stack’s output DnsTarget; a new name takes minutes to be known.',
    },
  ],
  [
    /CERT|ALTNAME|SIGNATURE|SELF_SIGNED|SSL|TLS/,
    {
      why: 'Clients cannot verify who answers.',
      mend: 'The certificate has to be of a public authority, not expired, and for this host: see domain.certificateArn, and what stands in front.',
    },
  ],
  [
    /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH/,
    {
      why: 'Nobody answers at this address and port.',
      mend: 'Is it deployed, or npm start running? Is the port right?',
    },
  ],
  [
    /no answer|TIMEOUT/i,
    {
      why: 'Clients give up as well.',
      mend: 'Look whether a firewall is between you and it; the access log shows whether the request came through. --timeout waits longer.',
    },
  ],
];

function* reachable({ challenges: { POST } }: Facts): Generator<Finding> {
  if (isResponse(POST)) {
    yield ok('reachable', POST.url.startsWith('https:') ? 'the name resolves, and TLS holds' : 'it answers');
  } else {
    const [, remedy] = problems.find(([code]) => code.test(POST.problem)) ?? [
      undefined,
      { why: 'Clients get no further.', mend: 'Look the code up in Node’s documentation of errors.' },
    ];
    yield fail('reachable', POST.problem, remedy);
  }
}

function* plainHttp({ plain }: Facts): Generator<Finding> {
  if (plain === undefined) return;
  if (!isResponse(plain)) {
    yield ok('http', 'nobody answers without TLS');
  } else if (plain.status === 403) {
    yield ok('http', 'refused without TLS');
  } else if (plain.status >= 300 && plain.status < 400) {
    yield warn('http', `http is answered with a redirect (${plain.status})`, {
      why: 'A client that was given http sends its token in the clear, and is led on as if all were well.',
      mend: 'Refuse http instead of redirecting it, as the stack’s own CloudFront distribution does (HTTPS_ONLY).',
    });
  } else {
    yield fail('http', `http is answered with ${plain.status}`, {
      why: 'Tokens can cross the network in the clear.',
      mend: 'Refuse http in whatever stands in front of the API.',
    });
  }
}

function* ownHost({ raw }: Facts): Generator<Finding> {
  if (raw === undefined) return;
  if (!isResponse(raw) || raw.status === 403) {
    yield ok('api-host', 'the API’s own host lets nobody in');
  } else {
    yield fail('api-host', `${raw.url} answers ${raw.status}`, {
      why: 'Callers can go around what stands in front: CloudFront, its limits and its logs.',
      mend: 'Deploy again: the API’s resource policy, or disableExecuteApiEndpoint with a domain, has been changed by hand.',
    });
  }
}

function* challenges(facts: Facts): Generator<Finding> {
  for (const method of probes) yield* challenge(`challenge/${method}`, facts.challenges[method], facts);
}

function* challenge(check: string, visited: ProbeResult, { metadata }: Facts): Generator<Finding> {
  if (!isResponse(visited)) {
    yield fail(check, visited.problem, {
      why: 'Clients that look for the challenge in this way never sign in.',
      mend: 'Look in the access log, and at what stands in front of the API.',
    });
    return;
  }
  const { status, headers } = visited;
  if (status !== 401) {
    yield fail(check, `${status} without a token, not 401`, unchallenged(status));
    return;
  }
  const challenge = challengeIn(visited);
  if (challenge === undefined) {
    yield 'x-amzn-remapped-www-authenticate' in headers
      ? fail(check, 'the challenge has been renamed to x-amzn-remapped-www-authenticate', {
          why: 'API Gateway renames the header where a function sends it. Clients do not find it, and cannot sign in.',
          mend: 'The 401 has to be the gateway’s own: put the authorizer back on /mcp and the UNAUTHORIZED response into the stack, and deploy.',
        })
      : fail(check, '401 without WWW-Authenticate: Bearer', {
          why: 'Without the challenge many clients say “failed to connect” and do not begin to sign in.',
          mend: 'Deploy again, and look whether something in front of the API takes the header away.',
        });
    return;
  }
  const named = challenge.resource_metadata;
  if (named === undefined || URL.parse(named) === null) {
    yield fail(check, `resource_metadata is ${quoted(named)}, not an absolute URL`, {
      why: 'Clients fetch what stands there (RFC 9728 §5.1); claude.ai does not complete a path.',
      mend: 'Deploy again: the stack writes the whole URL.',
    });
  } else if (named !== metadata.path.url) {
    yield warn(check, `resource_metadata is ${quoted(named)}, not ${quoted(metadata.path.url)}`, {
      why: 'Some clients go by the header and some by the path, and so they may come to different documents.',
      mend: 'Use the URL of the output McpUrl. If this is it, something in front of the API has another name than the stack knows: set domain.',
    });
  } else if (!challenge.scope) {
    yield warn(check, 'the challenge names no scope', {
      why: 'Clients then ask for every scope there is, or for none (MCP 2025-11-25, scope selection strategy).',
      mend: 'Deploy again: the stack names the scope of basic use.',
    });
  } else if (challenge.error !== undefined) {
    yield warn(check, `the challenge says error=${quoted(challenge.error)} where no token was sent`, {
      why: 'Clients may take it that a token of theirs is broken (RFC 6750 §3.1 forbids it).',
      mend: 'Deploy again: the stack says no error there.',
    });
  } else if (visited.isPartial) {
    yield fail(check, 'the answer has no end', {
      why: 'Clients wait for it and then say that authorization failed.',
      mend: 'Look at what stands in front of the API: it holds the answer open.',
    });
  } else {
    yield ok(check, `401, and the challenge leads to ${new URL(named).pathname}`);
  }
}

function unchallenged(status: number): Remedy {
  if (status < 300) {
    return {
      why: 'Anybody can use the server.',
      mend: 'Take it off the network now. Then put the authorizer back on /mcp and deploy.',
    };
  }
  if (status < 400) {
    return {
      why: 'Clients do not follow redirects, or lose the token when they do.',
      mend: 'Use the URL that it leads to, or take the redirect away.',
    };
  }
  if (status === 403) {
    return {
      why: 'To clients a 403 means that signing in is of no use, so none begins.',
      mend: 'Something refuses before the authorizer: a firewall, geo restriction or bot protection in front. Behind your own proxy, set domain: the API lets in only its own CloudFront.',
    };
  }
  if (status === 404 || status === 405) {
    return { why: 'There is no MCP server here.', mend: 'Use the URL of the output McpUrl; it ends with /mcp.' };
  }
  if (status === 429) {
    return {
      why: 'The limit of rate is used up.',
      mend: 'Try again; if it stays so, raise throttle (docs/operate.md).',
    };
  }
  return {
    why: 'Clients cannot begin to sign in.',
    mend: status >= 500 ? 'Look in the logs of the authorizer (docs/operate.md).' : 'Look in the access log.',
  };
}

function* resourceMetadata(facts: Facts): Generator<Finding> {
  const { path, root } = facts.metadata;
  yield* resourceDocument('metadata/path', path, facts, fail);
  // Older clients look at the root alone; newer ones only where the first is missing.
  if (root.url !== path.url) yield* resourceDocument('metadata/root', root, facts, warn);
  if (facts.named) yield* resourceDocument('metadata/named', facts.named, facts, fail);
}

function* resourceDocument(
  check: string,
  visited: ProbeResult,
  { url }: Facts,
  missing: typeof fail | typeof warn,
): Generator<Finding> {
  if (!isResponse(visited) || visited.status !== 200) {
    const seen = isResponse(visited) ? String(visited.status) : visited.problem;
    const isGuarded = isResponse(visited) && [401, 403].includes(visited.status);
    yield missing(check, `${visited.url}: ${seen}, not 200`, {
      why: isGuarded
        ? 'It tells how to get a token, so nobody has one yet.'
        : 'Here clients learn who lets them in (RFC 9728 §3).',
      mend: isGuarded
        ? 'Let everybody read /.well-known, in whatever stands in front too.'
        : 'The URL has to be at the root of its host: use the output McpUrl, and put nothing in front that adds a path.',
    });
    return;
  }
  const document = objectIn(visited);
  if (document === undefined) {
    yield fail(check, `${visited.url} is not a JSON object`, {
      why: 'Clients cannot read it.',
      mend: 'Something else answers for the stack here: a web site on the same host, or an error page of a proxy.',
    });
    return;
  }
  const { resource, authorization_servers: servers } = document;
  if (resource !== url) {
    yield fail(check, `resource is ${quoted(resource)}, not ${quoted(url)}`, {
      why: 'Clients compare both byte by byte and refuse (RFC 9728 §3.3), for the document may be another server’s.',
      mend: 'Use the URL that the document names. If your host name is another, set domain and deploy, so that the stack knows it.',
    });
    return;
  }
  if (!Array.isArray(servers) || typeof servers[0] !== 'string') {
    yield fail(check, 'authorization_servers names nobody', {
      why: 'Clients do not know where to sign in.',
      mend: 'Deploy again: the stack names itself, or the provider of direct mode.',
    });
    return;
  }
  yield* form(check, visited, `${new URL(visited.url).pathname} names this server, and who lets in`);
}

/** What holds for each document of discovery beside its content. */
function* form(check: string, { headers }: ProbeResponse, fine: string): Generator<Finding> {
  const type = headers['content-type'];
  const cache = headers['cache-control'] ?? '';
  if (!type?.startsWith('application/json')) {
    yield warn(check, `content-type is ${quoted(type)}, not application/json`, {
      why: 'Some clients do not read it then.',
      mend: 'Look at what stands in front of the API.',
    });
  } else if (headers['access-control-allow-origin'] !== '*') {
    yield warn(check, 'pages of other origins may not read it', {
      why: 'Clients that run in a browser, such as the Inspector, cannot sign in.',
      mend: 'The stack allows every origin there: look at what stands in front of the API.',
    });
  } else if (/no-store|no-cache|private/.test(cache) || !/max-age=[1-9]/.test(cache)) {
    yield warn(check, `cache-control is ${quoted(cache)}`, {
      why: 'Every client asks for it again at each turn.',
      mend: 'The stack lets it be kept for an hour: look at what stands in front of the API.',
    });
  } else {
    yield ok(check, fine);
  }
}

function* serverMetadata(facts: Facts): Generator<Finding> {
  const { issuer, servers, url } = facts;
  if (issuer === undefined) return;
  const isOwn = URL.parse(issuer)?.origin === new URL(url).origin;
  if (servers.length === 0) {
    yield fail('issuer', `${quoted(issuer)} is not an https URL`, {
      why: 'Clients do not sign in there.',
      mend: 'In direct mode, set idpIssuer to the issuer as the provider writes it.',
    });
    return;
  }
  const document = serverIn(facts);
  if (document === undefined) {
    const seen = servers.map((each) => `${each.url}: ${isResponse(each) ? each.status : each.problem}`).join('; ');
    yield fail('issuer', `its metadata is nowhere: ${seen}`, {
      why: 'Clients cannot find the endpoints (RFC 8414 §3).',
      mend: isOwn
        ? 'The paths below /.well-known have to reach the stack: look at what stands in front.'
        : 'In direct mode the provider itself has to publish this. Check idpIssuer, to the slash at its end.',
    });
    return;
  }
  if (document.issuer !== issuer) {
    yield fail('issuer', `the document is of ${quoted(document.issuer)}, not ${quoted(issuer)}`, {
      why: 'Clients must refuse it (RFC 8414 §3.3).',
      mend: isOwn ? 'Deploy again, and look at what stands in front.' : 'Set idpIssuer as the provider writes it.',
    });
    return;
  }
  yield ok('issuer', `${quoted(issuer)} says so itself`);
  yield* discovery(facts, isOwn);
  yield* capabilities(facts, document, isOwn);
}

function* discovery({ servers, issuer }: Facts, isOwn: boolean): Generator<Finding> {
  for (const [index, each] of servers.entries()) {
    const check = `discovery/${['oauth', 'openid', 'openid-appended'][index]}`;
    const { pathname } = new URL(each.url);
    if (isResponse(each) && each.status === 200 && objectIn(each)?.issuer === issuer) {
      if (isOwn) yield* form(check, each, pathname);
      else yield ok(check, pathname);
      continue;
    }
    const seen = isResponse(each) ? `${each.status}, or not this issuer’s` : each.problem;
    if (isOwn) {
      yield fail(check, `${pathname}: ${seen}`, {
        why: 'Not every client looks at both places.',
        mend: 'Both have to reach the stack: look at what stands in front.',
      });
    } else if (index === 0) {
      yield warn(check, `${pathname}: ${seen}`, {
        why: 'Clients from before November 2025 look nowhere else.',
        mend: 'The provider would have to publish it. With Holdfast’s own sign-in (without idpMode) they can connect.',
      });
    } else {
      yield note(check, `${pathname}: ${seen}`);
    }
  }
}

function* capabilities(facts: Facts, document: Record<string, unknown>, isOwn: boolean): Generator<Finding> {
  const has = (name: string, value: string) => {
    const list = document[name];
    return Array.isArray(list) && list.includes(value);
  };
  const provider = isOwn
    ? 'Deploy again: Holdfast’s own metadata has it.'
    : 'The provider has to offer it. If it does not, leave out idpMode: Holdfast’s own sign-in stands between.';

  for (const name of ['authorization', 'token']) {
    const endpoint = document[`${name}_endpoint`];
    if (typeof endpoint !== 'string' || !isSafe(endpoint, facts.url)) {
      yield fail(`server/${name}`, `${name}_endpoint is ${quoted(endpoint)}, not an https URL`, {
        why: 'Clients cannot sign in without it.',
        mend: provider,
      });
    } else {
      yield ok(`server/${name}`, quoted(endpoint));
    }
  }
  yield has('code_challenge_methods_supported', 'S256')
    ? ok('server/pkce', 'S256')
    : fail('server/pkce', 'S256 is not among code_challenge_methods_supported', {
        why: 'Clients must refuse a server that does not say so (MCP 2025-11-25, authorization code protection).',
        mend: provider,
      });
  yield has('token_endpoint_auth_methods_supported', 'none')
    ? ok('server/public-clients', 'clients need no secret')
    : warn('server/public-clients', 'none is not among token_endpoint_auth_methods_supported', {
        why: 'Assistants on a desk keep no secrets, and claude.ai uses a client document only if this is there.',
        mend: provider,
      });
  yield document.response_types_supported === undefined || has('response_types_supported', 'code')
    ? ok('server/code', 'the code flow')
    : fail('server/code', 'code is not among response_types_supported', {
        why: 'It is the one flow that MCP clients have.',
        mend: provider,
      });
  yield has('grant_types_supported', 'refresh_token')
    ? ok('server/refresh', 'refresh tokens')
    : warn('server/refresh', 'refresh_token is not among grant_types_supported', {
        why: 'Users sign in anew whenever an access token expires.',
        mend: provider,
      });
  yield document.authorization_response_iss_parameter_supported === true
    ? ok('server/iss', 'answers say whose they are (RFC 9207)')
    : warn('server/iss', 'authorization_response_iss_parameter_supported is not true', {
        why: 'A client that talks to several servers can be made to mix them up (RFC 9207).',
        mend: provider,
      });
  yield* admission(document, isOwn);
}

function* admission(document: Record<string, unknown>, isOwn: boolean): Generator<Finding> {
  const byDocument = document.client_id_metadata_document_supported === true;
  const byRegistration = typeof document.registration_endpoint === 'string';
  if (!byDocument && !byRegistration) {
    yield warn('server/admission', 'clients can neither bring a document nor register', {
      why: 'Only clients that have been set up by hand can connect.',
      mend: 'If that is not meant, set clientDocuments and dynamicRegistration; in direct mode, at the provider.',
    });
    return;
  }
  yield byDocument
    ? ok('server/client-documents', 'clients may bring a document')
    : warn('server/client-documents', 'client_id_metadata_document_supported is not true', {
        why: 'Clients register instead, and anybody can register under any name.',
        mend: isOwn ? 'Set clientDocuments to open or allow-list.' : 'Switch it on at the provider, if it has it.',
      });
  yield byRegistration
    ? ok('server/registration', 'clients may register')
    : warn('server/registration', 'there is no registration_endpoint', {
        why: 'Clients without a document of their own, which most still are, cannot connect.',
        mend: isOwn ? 'Set dynamicRegistration to open or allow-list.' : 'Switch it on at the provider.',
      });
}

/** Https, or on this computer if the server is. */
function isSafe(url: string, server: string): boolean {
  const parsed = URL.parse(url);
  return (
    parsed !== null && (parsed.protocol === 'https:' || (isLoopbackHost(parsed) && isLoopbackHost(new URL(server))))
  );
}

function* keys(facts: Facts): Generator<Finding> {
  if (serverIn(facts) === undefined) return;
  const { keys: visited } = facts;
  const mend = 'The authorizer fetches it too: look in the logs of the OAuth function, or ask the provider.';
  if (visited === undefined) {
    yield fail('keys', 'there is no jwks_uri to go to', { why: 'No access token can be verified.', mend });
    return;
  }
  const list = objectIn(visited)?.keys;
  if (!isResponse(visited) || visited.status !== 200 || !Array.isArray(list) || list.length === 0) {
    const seen = isResponse(visited) ? `${visited.status}, without keys` : visited.problem;
    yield fail('keys', `${visited.url}: ${seen}`, { why: 'No access token can be verified: /mcp answers 503.', mend });
  } else if (list.some((key) => hasPrivateMembers(Object(key)))) {
    yield fail('keys', `${visited.url} has a private key`, {
      why: 'Anybody can make access tokens.',
      mend: 'Replace the key now (docs/operate.md, signingKeys), and end every grant.',
    });
  } else {
    yield ok('keys', `${list.length} at ${visited.url}`);
  }
}

function* pages(facts: Facts): Generator<Finding> {
  const { stranger, foreign, url, issuer } = facts;
  if (stranger === undefined) return;
  yield* noRedirect('authorize/unknown-client', stranger);
  if (foreign) yield* noRedirect('authorize/foreign-redirect', foreign);
  // A provider's pages are its own affair, and a failure has been told of.
  if (!isResponse(stranger) || !isPage(stranger.status) || URL.parse(issuer ?? '')?.origin !== new URL(url).origin)
    return;
  const { headers } = stranger;
  const policy = headers['content-security-policy'] ?? '';
  const mend = 'The stack sends it: look at what stands in front of the API.';
  yield /frame-ancestors 'none'/.test(policy) || /^deny$/i.test(headers['x-frame-options'] ?? '')
    ? ok('pages/framing', 'no other page may frame it')
    : fail('pages/framing', 'other pages may frame it', {
        why: 'A user can be made to press “Approve” without seeing it.',
        mend,
      });
  yield /default-src 'none'/.test(policy)
    ? ok('pages/policy', 'nothing is loaded or run')
    : warn('pages/policy', `content-security-policy is ${quoted(policy)}`, {
        why: 'The page where users approve loads and runs nothing, and browsers should see to that.',
        mend,
      });
  yield /no-store/.test(headers['cache-control'] ?? '')
    ? ok('pages/cache', 'not kept anywhere')
    : warn('pages/cache', `cache-control is ${quoted(headers['cache-control'])}`, {
        why: 'A page with what somebody was asked stays behind.',
        mend,
      });
  if (!url.startsWith('https:')) return;
  yield /max-age=[1-9]/.test(headers['strict-transport-security'] ?? '')
    ? ok('pages/hsts', 'browsers come back by https alone')
    : warn('pages/hsts', 'there is no Strict-Transport-Security', {
        why: 'A browser can be made to come by http, where the answer can be read.',
        mend,
      });
}

const isPage = (status: number) => status < 500 && status !== 429;

function* noRedirect(check: string, visited: ProbeResult): Generator<Finding> {
  if (!isResponse(visited)) {
    yield fail(check, visited.problem, {
      why: 'Nobody can sign in.',
      mend: 'Look in the logs of the OAuth function (docs/operate.md).',
    });
    return;
  }
  const { status, headers } = visited;
  if (headers.location?.startsWith(FOREIGN_REDIRECT)) {
    yield fail(check, `leads the browser to ${FOREIGN_REDIRECT}`, {
      why: 'Codes can be sent to anybody (RFC 9700 §4.11).',
      mend: 'Take it off the network, and report it to whoever makes the authorization server.',
    });
  } else if (!isPage(status)) {
    yield fail(check, `${status}`, {
      why: 'Nobody can sign in.',
      mend: 'Look in the logs of the OAuth function (docs/operate.md); after 429, try again.',
    });
  } else {
    yield ok(check, status >= 400 ? `refused with a page (${status})` : `does not go there (${status})`);
  }
}

function* registration({ registration: visited }: Facts): Generator<Finding> {
  if (visited === undefined) return;
  const check = 'registration';
  const client = objectIn(visited);
  if (!isResponse(visited) || visited.status !== 201 || typeof client?.client_id !== 'string') {
    const seen = isResponse(visited) ? `${visited.status} ${quoted(client ?? visited.body)}` : visited.problem;
    yield fail(check, seen, {
      why: 'Clients that register cannot connect.',
      mend: 'The answer says why. With dynamicRegistration: allow-list, let loopback hosts in, or leave this check out.',
    });
    return;
  }
  const nulls = Object.keys(client).filter((name) => client[name] === null);
  if (nulls.length > 0) {
    yield fail(check, `null in the answer: ${nulls.join(', ')}`, {
      why: 'Claude Code refuses it: what is not there has to be left out.',
      mend: 'Report it to whoever makes the authorization server.',
    });
  } else if (client.client_secret !== undefined && !Number.isInteger(client.client_secret_expires_at)) {
    yield fail(check, 'client_secret without client_secret_expires_at', {
      why: 'Clients refuse it (RFC 7591 §3.2.1).',
      mend: 'Report it to whoever makes the authorization server.',
    });
  } else {
    yield ok(check, `registered, and forgotten within a day: ${client.client_id}`);
  }
}

const preflightSubjects = {
  mcp: { check: 'cors/mcp', headers: mcpHeaders },
  token: { check: 'cors/token', headers: ['content-type'] },
  register: { check: 'cors/register', headers: ['content-type'] },
} as const;

/** What pages of other origins may do: clients that run in a browser depend on it, and nobody else. */
function* crossOrigin({ preflights, challenges }: Facts): Generator<Finding> {
  const why = 'Clients that run in a browser, such as the Inspector, cannot use the server.';
  const mend = 'The stack allows it: look at what stands in front of the API, or at the provider of direct mode.';
  for (const name of ['mcp', 'token', 'register'] as const) {
    const visited = preflights[name];
    const { check, headers } = preflightSubjects[name];
    if (visited === undefined) continue;
    if (!isResponse(visited) || visited.status >= 300) {
      yield warn(check, `OPTIONS: ${isResponse(visited) ? visited.status : visited.problem}`, { why, mend });
      continue;
    }
    const list = (header: string) =>
      (visited.headers[`access-control-allow-${header}`] ?? '').split(',').map((each) => each.trim().toLowerCase());
    const [origins, methods, allowed] = [list('origin'), list('methods'), list('headers')];
    // POST needs no leave (Fetch, CORS-safelisted method), and the wildcard does not stand for Authorization.
    const missing = headers.filter(
      (header) => !allowed.includes(header) && (header === 'authorization' || !allowed.includes('*')),
    );
    if (visited.headers['access-control-allow-credentials'] === 'true') {
      yield fail(check, 'other origins are allowed with credentials', {
        why: 'Any page can act with the cookies of whoever looks at it.',
        mend: 'Take Access-Control-Allow-Credentials away, in whatever stands in front.',
      });
    } else if (!origins.includes('*') && !origins.includes(PAGE_ORIGIN)) {
      yield warn(check, 'other origins are not allowed', { why, mend });
    } else if (missing.length > 0) {
      yield warn(check, `these headers are not allowed: ${missing.join(', ')}`, { why, mend });
    } else {
      yield ok(check, `other origins may send ${methods.includes('delete') ? 'requests' : 'POST'}`);
    }
  }
  if (!isResponse(challenges.POST)) return;
  const exposed = (challenges.POST.headers['access-control-expose-headers'] ?? '').toLowerCase();
  yield /www-authenticate|\*/.test(exposed) && challenges.POST.headers['access-control-allow-origin'] !== undefined
    ? ok('cors/challenge', 'pages may read the challenge')
    : warn('cors/challenge', 'pages may not read WWW-Authenticate of the 401', { why, mend });
}

/** A token is good to the second, and so is an identity provider's; a minute is what most of them forgive. */
const MOST_SKEW_SECONDS = 60;

function* clock({ challenges, metadata }: Facts): Generator<Finding> {
  const dated = [metadata.path, ...Object.values(challenges)].find((each) => isResponse(each) && each.headers.date);
  if (!isResponse(dated)) return;
  const skew = Math.round((Date.parse(dated.headers.date!) - dated.receivedAt) / 1000);
  if (Number.isNaN(skew)) return;
  yield Math.abs(skew) <= MOST_SKEW_SECONDS
    ? ok('clock', 'both clocks agree')
    : warn('clock', `its clock is ${Math.abs(skew)} seconds ${skew > 0 ? 'ahead of' : 'behind'} this computer’s`, {
        why: 'Clients take tokens for expired that are good, or keep using expired ones.',
        mend: 'AWS keeps its clocks: set this computer’s by a time server.',
      });
}

function* times({ challenges, metadata, servers, keys: keySet }: Facts): Generator<Finding> {
  const asked: Record<string, (ProbeResult | undefined)[]> = {
    challenge: Object.values(challenges),
    metadata: [metadata.path, metadata.root, ...servers],
    keys: [keySet],
  };
  const shown = Object.entries(asked).flatMap(([name, visited]) => {
    const answers = visited.filter(isResponse);
    if (answers.length === 0) return [];
    return `${name} ${Math.round(Math.max(...answers.map(({ milliseconds }) => milliseconds)))} ms`;
  });
  yield note('times', `the slowest of each kind, several at once: ${shown.join(', ')}`);
}
