import { checkAuthorizationServer } from './authorization-server-checks.ts';
import { checkAuthorizePage } from './authorize-page-checks.ts';
import { checkCaching, checkChallenges } from './challenge-checks.ts';
import { checkCors } from './cors-checks.ts';
import type { Facts } from './deployment-facts.ts';
import { checkIssuer, checkResourceMetadata } from './discovery-checks.ts';
import { checkApiHost, checkCertificate, checkPlainHttp, checkReachability, checkUrl } from './endpoint-checks.ts';
import type { Finding } from './finding.ts';
import { isResponse } from './http-probe.ts';
import { checkProvider } from './provider-checks.ts';
import { checkClock, reportTimes } from './timing-checks.ts';

/**
 * Evaluates the facts of a deployment. Every check is a pure function from facts to findings and sends no request, so a
 * test can pass the facts of a deployment that is broken in one place.
 */
export function checkDeployment(facts: Facts): Finding[] {
  const findings = [...checkUrl(facts), ...checkReachability(facts)];
  if (!isResponse(facts.challenges.POST)) return findings;
  return [
    ...findings,
    ...checkCertificate(facts),
    ...checkPlainHttp(facts),
    ...checkApiHost(facts),
    ...checkChallenges(facts),
    checkCaching('cache/mcp', Object.values(facts.challenges)),
    ...checkResourceMetadata(facts),
    ...checkIssuer(facts),
    ...checkAuthorizationServer(facts),
    ...checkAuthorizePage(facts),
    ...(facts.provider ? checkProvider(facts.provider) : []),
    ...checkCors(facts),
    ...checkClock(facts),
    ...reportTimes(facts),
  ];
}
