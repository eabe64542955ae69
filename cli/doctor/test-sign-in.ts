import type { AuthorizationServer } from 'oauth4webapi';
import { authorizeByCode, revokeToken, SignInFailure, type SignInOptions } from './authorization-code-flow.ts';
import { type Facts, serverMetadataIn } from './deployment-facts.ts';
import type { Finding } from './finding.ts';
import type { Probe } from './http-probe.ts';
import { checkLegacyEra, checkListening, checkModernEra } from './mcp-era-checks.ts';

/**
 * Signs in as a client does, with a person at the browser, calls the server in both eras of the protocol, and revokes the
 * token. Without metadata that names its issuer, a client does not sign in either, and there are no findings.
 */
export async function testSignIn(facts: Facts, probe: Probe, options: SignInOptions): Promise<Finding[]> {
  const metadata = serverMetadataIn(facts);
  if (metadata === undefined || facts.issuer === undefined || metadata.issuer !== facts.issuer) return [];
  const server = metadata as AuthorizationServer;
  const findings: Finding[] = [];
  try {
    const signedIn = await authorizeByCode(server, facts, options);
    findings.push(...signedIn.findings);
    try {
      for (const check of [checkLegacyEra, checkModernEra, checkListening]) {
        for await (const finding of check(facts.url, signedIn.accessToken, probe)) findings.push(finding);
      }
    } finally {
      findings.push(await revokeToken(server, signedIn, facts.url, probe, options));
    }
  } catch (error) {
    if (!(error instanceof SignInFailure)) throw error;
    findings.push(error.finding);
  }
  return findings;
}
