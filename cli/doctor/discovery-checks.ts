import { type Facts, serverMetadataIn } from './deployment-facts.ts';
import { type Finding, fail, note, ok, quoted, warn } from './finding.ts';
import { isResponse, jsonObjectIn, type ProbeResponse, type ProbeResult } from './http-probe.ts';

const CHECK_PROXY = 'Check the proxy in front of the API.';

/** Whether the deployment is its own authorization server. In direct mode the identity provider is. */
export const isOwnServer = ({ issuer, url }: Facts): boolean => URL.parse(issuer ?? '')?.origin === new URL(url).origin;

/** Protected-resource metadata (RFC 9728). */
export function* checkResourceMetadata(facts: Facts): Generator<Finding> {
  const { path, root } = facts.metadata;
  yield checkResourceDocument('metadata/path', path, facts.url, fail);
  // Older clients read the root alone; newer ones only if the first is missing.
  if (root.url !== path.url) yield checkResourceDocument('metadata/root', root, facts.url, warn);
  if (facts.namedMetadata) yield checkResourceDocument('metadata/named', facts.namedMetadata, facts.url, fail);
}

function checkResourceDocument(
  check: string,
  result: ProbeResult,
  url: string,
  missing: typeof fail | typeof warn,
): Finding {
  if (!isResponse(result) || result.status !== 200) return missingResourceDocument(check, result, missing);
  const document = jsonObjectIn(result);
  if (document === undefined) {
    return fail(check, `${result.url} is not a JSON object`, {
      why: 'Clients cannot read it.',
      mend: 'Another server answers for the stack: a web site on the same host, or the error page of a proxy.',
    });
  }
  const { resource, authorization_servers: servers } = document;
  if (resource !== url) {
    return fail(check, `resource is ${quoted(resource)}, not ${quoted(url)}`, {
      why: 'Clients compare both byte by byte and reject a difference (RFC 9728 §3.3).',
      mend: 'Use the URL that the document names. If the host name differs, set domain and deploy.',
    });
  }
  if (!Array.isArray(servers) || typeof servers[0] !== 'string') {
    return fail(check, 'authorization_servers has no entry', {
      why: 'Clients do not know where to sign in.',
      mend: 'Deploy again: the stack names itself, or the identity provider in direct mode.',
    });
  }
  return checkDocumentHeaders(
    check,
    result,
    `${new URL(result.url).pathname} names this server and its authorization server`,
  );
}

function missingResourceDocument(check: string, result: ProbeResult, missing: typeof fail | typeof warn): Finding {
  const isGuarded = isResponse(result) && [401, 403].includes(result.status);
  return missing(check, `${result.url}: ${isResponse(result) ? result.status : result.problem}, not 200`, {
    why: isGuarded
      ? 'Clients read it before they have a token.'
      : 'Clients read the authorization server from it (RFC 9728 §3).',
    mend: isGuarded
      ? 'Allow /.well-known without a token, in a proxy in front too.'
      : 'The document has to be at the root of the host: use the stack output McpUrl, and no proxy that adds a path.',
  });
}

/** The response headers that every discovery document needs. */
function checkDocumentHeaders(check: string, { headers }: ProbeResponse, success: string): Finding {
  const type = headers['content-type'];
  const cache = headers['cache-control'] ?? '';
  if (!type?.startsWith('application/json')) {
    return warn(check, `content-type is ${quoted(type)}, not application/json`, {
      why: 'Some clients then reject the document.',
      mend: CHECK_PROXY,
    });
  }
  if (headers['access-control-allow-origin'] !== '*') {
    return warn(check, 'pages of other origins may not read it', {
      why: 'Clients in a browser, such as the Inspector, cannot sign in.',
      mend: `The stack allows every origin. ${CHECK_PROXY}`,
    });
  }
  if (/no-store|no-cache|private/.test(cache) || !/max-age=[1-9]/.test(cache)) {
    return warn(check, `cache-control is ${quoted(cache)}`, {
      why: 'Every client requests it again each time.',
      mend: `The stack allows one hour of caching. ${CHECK_PROXY}`,
    });
  }
  return ok(check, success);
}

/** Authorization server metadata: it has to be there and to name its issuer (RFC 8414). */
export function* checkIssuer(facts: Facts): Generator<Finding> {
  const { issuer, servers } = facts;
  if (issuer === undefined) return;
  const isOwn = isOwnServer(facts);
  const document = serverMetadataIn(facts);
  if (servers.length === 0) {
    yield fail('issuer', `${quoted(issuer)} is not an https URL`, {
      why: 'Clients do not sign in there.',
      mend: 'In direct mode, set idpIssuer to the issuer as the provider writes it.',
    });
  } else if (document === undefined) {
    const results = servers.map((result) => `${result.url}: ${isResponse(result) ? result.status : result.problem}`);
    yield fail('issuer', `its metadata was not found: ${results.join('; ')}`, {
      why: 'Clients cannot find the endpoints (RFC 8414 §3).',
      mend: isOwn
        ? 'The paths below /.well-known have to reach the stack: check the proxy in front.'
        : 'In direct mode the provider has to publish it. Check idpIssuer, including a trailing slash.',
    });
  } else if (document.issuer !== issuer) {
    yield fail('issuer', `the document is of ${quoted(document.issuer)}, not ${quoted(issuer)}`, {
      why: 'Clients must reject it (RFC 8414 §3.3).',
      mend: isOwn ? 'Deploy again, and check the proxy in front.' : 'Set idpIssuer as the provider writes it.',
    });
  } else {
    yield ok('issuer', `${quoted(issuer)}, as its metadata states`);
    yield* checkLocations(facts, isOwn);
  }
}

const locationNames = ['oauth', 'openid', 'openid-appended'];

/** Every location of the metadata: not every client tries all of them. */
function* checkLocations({ servers, issuer }: Facts, isOwn: boolean): Generator<Finding> {
  for (const [index, result] of servers.entries()) {
    const check = `discovery/${locationNames[index]}`;
    const { pathname } = new URL(result.url);
    if (isResponse(result) && result.status === 200 && jsonObjectIn(result)?.issuer === issuer) {
      yield isOwn ? checkDocumentHeaders(check, result, pathname) : ok(check, pathname);
      continue;
    }
    const found = `${pathname}: ${isResponse(result) ? `${result.status}, or of another issuer` : result.problem}`;
    if (isOwn) {
      yield fail(check, found, {
        why: 'Not every client tries both locations.',
        mend: 'Both have to reach the stack: check the proxy in front.',
      });
    } else if (index === 0) {
      yield warn(check, found, {
        why: 'Clients from before November 2025 try no other location.',
        mend: 'The provider would have to publish it. These clients can connect without direct mode (without idpMode).',
      });
    } else {
      yield note(check, found);
    }
  }
}
