import { type Facts, FOREIGN_REDIRECT } from './deployment-facts.ts';
import { isOwnServer } from './discovery-checks.ts';
import { type Finding, fail, ok, quoted, warn } from './finding.ts';
import { isResponse, type ProbeResult } from './http-probe.ts';

const CHECK_OAUTH_LOG = 'Check the log of the OAuth function (docs/operate.md).';

/** The authorization endpoint: it redirects to no foreign URI, and its pages carry the headers that protect them. */
export function* checkAuthorizePage(facts: Facts): Generator<Finding> {
  const { unknownClient, foreignRedirect, url } = facts;
  if (unknownClient === undefined) return;
  yield checkRedirect('authorize/unknown-client', unknownClient);
  if (foreignRedirect) yield checkRedirect('authorize/foreign-redirect', foreignRedirect);
  // The pages of an identity provider are not checked. A failed request already has a finding.
  if (!isResponse(unknownClient) || !isPage(unknownClient.status) || !isOwnServer(facts)) return;
  yield* checkPageHeaders(unknownClient.headers, url.startsWith('https:'));
}

const isPage = (status: number) => status < 500 && status !== 429;

function checkRedirect(check: string, result: ProbeResult): Finding {
  if (!isResponse(result)) {
    return fail(check, result.problem, { why: 'Users cannot sign in.', mend: CHECK_OAUTH_LOG });
  }
  const { status, headers } = result;
  if (headers.location?.startsWith(FOREIGN_REDIRECT)) {
    return fail(check, `redirects the browser to ${FOREIGN_REDIRECT}`, {
      why: 'An attacker can receive authorization codes (RFC 9700 §4.11).',
      mend: 'Take it off the network, and report it to the vendor of the authorization server.',
    });
  }
  if (!isPage(status)) {
    return fail(check, `${status}`, {
      why: 'Users cannot sign in.',
      mend: `${CHECK_OAUTH_LOG} After 429, try again.`,
    });
  }
  return ok(check, status >= 400 ? `rejected with a page (${status})` : `no redirect there (${status})`);
}

function* checkPageHeaders(headers: Readonly<Record<string, string>>, isHttps: boolean): Generator<Finding> {
  const policy = headers['content-security-policy'] ?? '';
  const mend = 'The stack sends it: check the proxy in front of the API.';
  yield /frame-ancestors 'none'/.test(policy) || /^deny$/i.test(headers['x-frame-options'] ?? '')
    ? ok('pages/framing', 'other pages cannot frame it')
    : fail('pages/framing', 'other pages can frame it', {
        why: 'Clickjacking: a user can press “Approve” without seeing it.',
        mend,
      });
  yield /default-src 'none'/.test(policy)
    ? ok('pages/policy', 'loads and runs nothing')
    : warn('pages/policy', `content-security-policy is ${quoted(policy)}`, {
        why: 'The consent page loads and runs nothing, and the browser should enforce it.',
        mend,
      });
  yield /no-store/.test(headers['cache-control'] ?? '')
    ? ok('pages/cache', 'not stored')
    : warn('pages/cache', `cache-control is ${quoted(headers['cache-control'])}`, {
        why: 'The browser stores a page that shows what a user was asked.',
        mend,
      });
  if (!isHttps) return;
  yield /max-age=[1-9]/.test(headers['strict-transport-security'] ?? '')
    ? ok('pages/hsts', 'browsers use https only')
    : warn('pages/hsts', 'Strict-Transport-Security is missing', {
        why: 'An attacker can make a browser use http, where the response is readable.',
        mend,
      });
}
