import { type Facts, mcpHeaders, PAGE_ORIGIN } from './deployment-facts.ts';
import { isOwnServer } from './discovery-checks.ts';
import { type Finding, fail, note, ok, type Remedy, warn } from './finding.ts';
import { isResponse, type ProbeResult } from './http-probe.ts';

const endpoints = [
  ['mcp', mcpHeaders],
  ['token', ['content-type']],
  ['register', ['content-type']],
] as const;

const remedy: Remedy = {
  why: 'Clients in a browser, such as the Inspector, cannot use the server.',
  mend: 'The stack allows it: check the proxy in front of the API.',
};

/** CORS, which only clients in a browser need. */
export function* checkCors(facts: Facts): Generator<Finding> {
  const {
    preflights,
    challenges: { POST },
  } = facts;
  for (const [name, headers] of endpoints) {
    const result = preflights[name];
    if (result === undefined) continue;
    const finding = checkPreflight(`cors/${name}`, result, headers);
    yield name === 'mcp' || isOwnServer(facts) ? finding : ofProvider(finding);
  }
  if (isResponse(POST)) yield checkExposedChallenge(POST.headers);
}

/** In direct mode these endpoints are the provider's, whose headers the operator cannot change. */
const ofProvider = (finding: Finding): Finding =>
  finding.verdict === 'ok'
    ? finding
    : note(finding.check, `the identity provider: ${finding.found}; this concerns clients in a browser alone`);

function checkPreflight(check: string, result: ProbeResult, needed: readonly string[]): Finding {
  if (!isResponse(result) || result.status >= 300) {
    return warn(check, `OPTIONS: ${isResponse(result) ? result.status : result.problem}`, remedy);
  }
  const allowed = (header: string) =>
    (result.headers[`access-control-allow-${header}`] ?? '').split(',').map((value) => value.trim().toLowerCase());
  const [origins, methods, headers] = [allowed('origin'), allowed('methods'), allowed('headers')];
  // POST needs no permission (Fetch, CORS-safelisted method), and the wildcard does not include Authorization.
  const missing = needed.filter(
    (header) => !headers.includes(header) && (header === 'authorization' || !headers.includes('*')),
  );
  if (result.headers['access-control-allow-credentials'] === 'true') {
    return fail(check, 'other origins are allowed with credentials', {
      why: 'Any page can act with the cookies of its visitor.',
      mend: 'Remove Access-Control-Allow-Credentials in the proxy in front.',
    });
  }
  if (!origins.includes('*') && !origins.includes(PAGE_ORIGIN)) {
    return warn(check, 'other origins are not allowed', remedy);
  }
  if (missing.length > 0) return warn(check, `headers not allowed: ${missing.join(', ')}`, remedy);
  return ok(check, `other origins may send ${methods.includes('delete') ? 'requests' : 'POST'}`);
}

const checkExposedChallenge = (headers: Readonly<Record<string, string>>): Finding =>
  /www-authenticate|\*/i.test(headers['access-control-expose-headers'] ?? '') &&
  headers['access-control-allow-origin'] !== undefined
    ? ok('cors/challenge', 'pages may read the challenge')
    : warn('cors/challenge', 'pages may not read WWW-Authenticate of the 401', remedy);
