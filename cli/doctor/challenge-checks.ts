import { challengedMethods, challengeIn, type Facts } from './deployment-facts.ts';
import { type Finding, fail, ok, quoted, type Remedy, warn } from './finding.ts';
import { isResponse, type ProbeResponse, type ProbeResult } from './http-probe.ts';

/** The 401 of `/mcp` without a token, by every method that clients use to look for it. */
export function* checkChallenges(facts: Facts): Generator<Finding> {
  for (const method of challengedMethods) {
    yield checkChallenge(`challenge/${method}`, facts.challenges[method], facts.metadata.path.url);
  }
}

/** Whether a cache between client and server may store responses of `/mcp`, which belong to one user (RFC 9111 §3). */
export function checkCaching(check: string, results: ProbeResult[]): Finding {
  const headers = results.filter(isResponse).map((response) => response.headers['cache-control'] ?? '');
  const cached = headers.find(
    (each) => /\bpublic\b|(?:max-age|s-maxage)=[1-9]/.test(each) && !/no-store|private/.test(each),
  );
  return cached === undefined
    ? ok(check, 'no response is stored by caches')
    : fail(check, `cache-control is ${quoted(cached)}`, {
        why: 'A cache can hand the response of one user to another, or the 401 to all.',
        mend: 'The stack sends no such header: remove the caching rule for /mcp in the proxy in front of the API.',
      });
}

function checkChallenge(check: string, result: ProbeResult, metadataUrl: string): Finding {
  if (!isResponse(result)) {
    return fail(check, result.problem, {
      why: 'Clients that look for the challenge by this method never sign in.',
      mend: 'Check the access log, and any proxy in front of the API.',
    });
  }
  if (result.status !== 401)
    return fail(check, `${result.status} without a token, not 401`, statusRemedy(result.status));
  const parameters = challengeIn(result);
  return parameters === undefined
    ? missingChallenge(check, result)
    : checkParameters(check, result, parameters, metadataUrl);
}

const missingChallenge = (check: string, { headers }: ProbeResponse): Finding =>
  'x-amzn-remapped-www-authenticate' in headers
    ? fail(check, 'the challenge was renamed to x-amzn-remapped-www-authenticate', {
        why: 'API Gateway renames the header of a function. Clients do not find it and cannot sign in.',
        mend: 'The gateway itself has to send the 401: restore the authorizer on /mcp and the UNAUTHORIZED response, and deploy.',
      })
    : fail(check, '401 without WWW-Authenticate: Bearer', {
        why: 'Without the challenge many clients report “failed to connect” and do not sign in.',
        mend: 'Deploy again, and check whether a proxy in front of the API removes the header.',
      });

function checkParameters(
  check: string,
  { isPartial }: ProbeResponse,
  { resource_metadata: named, scope, error }: Record<string, string>,
  metadataUrl: string,
): Finding {
  if (named === undefined || URL.parse(named) === null) {
    return fail(check, `resource_metadata is ${quoted(named)}, not an absolute URL`, {
      why: 'Clients fetch this URL (RFC 9728 §5.1); claude.ai does not complete a path.',
      mend: 'Deploy again: the stack sends an absolute URL.',
    });
  }
  if (named !== metadataUrl) {
    return warn(check, `resource_metadata is ${quoted(named)}, not ${quoted(metadataUrl)}`, {
      why: 'Some clients use the header and some the path, so they can read different documents.',
      mend: 'Use the URL of the stack output McpUrl. If this is it, the proxy in front has another host name than the stack knows: set domain.',
    });
  }
  if (!scope) {
    return warn(check, 'the challenge has no scope', {
      why: 'Clients then request every scope, or none (MCP 2025-11-25, scope selection strategy).',
      mend: 'Deploy again: the stack sends the scope of basic use.',
    });
  }
  if (error !== undefined) {
    return warn(check, `the challenge has error=${quoted(error)} although no token was sent`, {
      why: 'Clients can conclude that their token is invalid (RFC 6750 §3.1 forbids the parameter).',
      mend: 'Deploy again: the stack sends no error here.',
    });
  }
  if (isPartial) {
    return fail(check, 'the response does not end', {
      why: 'Clients wait for the end and then report that authorization failed.',
      mend: 'Check the proxy in front of the API: it keeps the response open.',
    });
  }
  return ok(check, `401, the challenge names ${new URL(named).pathname}`);
}

function statusRemedy(status: number): Remedy {
  if (status < 300) {
    return {
      why: 'Any caller can use the server.',
      mend: 'Take it off the network now. Then restore the authorizer on /mcp and deploy.',
    };
  }
  if (status < 400) {
    return {
      why: 'Clients do not follow redirects, or drop the token when they do.',
      mend: 'Use the URL of the redirect, or remove the redirect.',
    };
  }
  if (status === 403) {
    return {
      why: 'Clients read a 403 as final and do not sign in.',
      mend: 'A firewall, geo restriction or bot protection in front rejects the request before the authorizer. Behind another proxy, set domain: the API admits only its CloudFront distribution.',
    };
  }
  if (status === 404 || status === 405) {
    return {
      why: 'The URL does not lead to an MCP server.',
      mend: 'Use the URL of the stack output McpUrl; it ends with /mcp.',
    };
  }
  if (status === 429) {
    return {
      why: 'The rate limit is exceeded.',
      mend: 'Try again; if it persists, raise throttle (docs/operate.md).',
    };
  }
  return {
    why: 'Clients cannot start to sign in.',
    mend: status >= 500 ? 'Check the log of the authorizer (docs/operate.md).' : 'Check the access log.',
  };
}
