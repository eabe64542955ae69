import type { AuthorizationServer } from 'oauth4webapi';
import { authorizeByCode, revokeToken, SignInFailure, type SignInOptions } from './authorization-code-flow.ts';
import { type Facts, serverMetadataIn } from './deployment-facts.ts';
import { isOwnServer } from './discovery-checks.ts';
import type { Finding } from './finding.ts';
import type { Probe } from './http-probe.ts';
import { checkLegacyEra, checkListening, checkModernEra } from './mcp-era-checks.ts';
import { checkProgress, checkSigningKey } from './signed-in-checks.ts';

/**
 * Signs in as a client does, with a person at the browser, calls the server in both eras of the protocol, and revokes the
 * token. Without metadata that names its issuer, a client does not sign in either, and there are no findings.
 */
export async function testSignIn(
  facts: Facts,
  probe: Probe,
  options: SignInOptions & { progressTool?: string | undefined },
): Promise<Finding[]> {
  const metadata = serverMetadataIn(facts);
  if (metadata === undefined || facts.issuer === undefined || metadata.issuer !== facts.issuer) return [];
  const server = metadata as AuthorizationServer;
  const findings: Finding[] = [];
  try {
    const signedIn = await authorizeByCode(server, facts, options);
    findings.push(...signedIn.findings);
    const { accessToken } = signedIn;
    try {
      const key = await checkSigningKey(accessToken, facts.keys, isOwnServer(facts));
      if (key !== undefined) findings.push(key);
      for (const check of [checkLegacyEra, checkModernEra, checkListening]) {
        for await (const finding of check(facts.url, accessToken, probe)) findings.push(finding);
      }
      const canCall = findings.some(({ check, verdict }) => check === '2026/tools' && verdict === 'ok');
      if (canCall) findings.push(await checkProgress(facts.url, accessToken, probe, options.progressTool));
    } finally {
      findings.push(await revokeToken(server, signedIn, facts.url, probe, options));
    }
  } catch (error) {
    if (!(error instanceof SignInFailure)) throw error;
    findings.push(error.finding);
  }
  return findings;
}
