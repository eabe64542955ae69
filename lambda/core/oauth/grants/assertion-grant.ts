import type { JWTPayload } from 'jose';
import { sha256 } from '../../support/crypto.ts';
import { checkEnterpriseAssertion, ID_JAG_TYPE } from '../assertions/enterprise-assertion.ts';
import { decodeAssertion, verifySignature } from '../assertions/trusted-issuer.ts';
import { checkWorkload, ruleFor } from '../assertions/workload-rule.ts';
import type { SpentAssertion } from '../clients/client-assertion.ts';
import type { Facade } from '../facade.ts';
import { OAuthError, oauthError } from '../oauth-error.ts';
import type { Parameters } from '../request-parameters.ts';
import { requestedScopes } from '../requested-scopes.ts';
import { allowedScopes } from './allowed-scopes.ts';
import { checkResource, type GrantHandler, requestingClient, type TokenResponse } from './grant-handler.ts';
import { issueUnderStandingGrant } from './standing-grant.ts';

/** The JWT bearer grant (RFC 7523 §2.1): an ID-JAG of an enterprise's user, or the token of a workload's platform. */
export const redeemAssertion: GrantHandler = (facade, form, request) => {
  const assertion = form.require('assertion');
  const { typ, issuer } = decodeAssertion(assertion);
  return typ === ID_JAG_TYPE
    ? signEnterpriseUserIn(facade, form, request, { assertion, issuer })
    : signWorkloadIn(facade, form, { assertion, issuer });
};

type Presented = { assertion: string; issuer: string };

/** Enterprise-managed authorization (`io.modelcontextprotocol/enterprise-managed-authorization`). */
async function signEnterpriseUserIn(
  facade: Facade,
  form: Parameters,
  request: Request,
  { assertion, issuer }: Presented,
): Promise<TokenResponse> {
  const { rules, issuerKeys, now } = facade;
  const { id: clientId, client, machine, assertion: clientAssertion } = await requestingClient(facade, form, request);
  // A public client cannot prove that the assertion is for it (draft §7, client authentication).
  if (!machine && !clientAssertion) throw oauthError('assertion_client_public');
  const trusted = rules.enterpriseIssuers?.find((each) => each.issuer === issuer);
  if (!trusted) throw oauthError('grant_assertion_issuer');
  const signed = await verifySignature(assertion, trusted, issuerKeys);
  return noticing(facade, signed.claims, async () => {
    const { subject, scope, id, expiresAt } = checkEnterpriseAssertion(
      signed,
      { clientId, publicUrl: rules.publicUrl },
      now(),
    );
    if (trusted.clients && !trusted.clients.includes(clientId)) throw oauthError('grant_assertion_client');
    const asserted = requestedScopes(scope, rules.scopes) ?? Object.keys(rules.scopes.scopes);
    // Of a machine client, its own bound holds as well.
    const allowed = asserted.filter((name) => !machine || machine.scopes.includes(name));
    const scopes = allowedScopes(form.get('scope'), allowed, rules.scopes);
    const groups = trusted.hasGroups ? (facade.groupsIn?.(signed.claims) ?? []) : [];
    const principal = { origin: 'enterprise' as const, issuer, subject, client: clientId, clientName: client.name };
    const spent = await spentBy(issuer, id, expiresAt, now());
    return issueUnderStandingGrant(
      facade,
      { ...principal, groups, scopes: allowed },
      scopes,
      clientAssertion ? [spent, clientAssertion] : [spent],
    );
  });
}

/** Workload identity: a job or a cloud workload presents the token that its platform issued. */
async function signWorkloadIn(facade: Facade, form: Parameters, { assertion, issuer }: Presented) {
  const { rules, issuerKeys, now } = facade;
  checkResource(facade, form);
  const ofIssuer = (rules.workloads ?? []).filter((each) => each.issuer === issuer);
  const [trusted] = ofIssuer;
  if (!trusted) throw oauthError('grant_assertion_issuer');
  const signed = await verifySignature(assertion, trusted, issuerKeys);
  const rule = ruleFor(ofIssuer, signed.claims);
  // Without an alarm: everyone at a public platform has tokens of its issuer.
  if (!rule) throw oauthError('grant_assertion_subject');
  return noticing(facade, signed.claims, async () => {
    const { subject, id, expiresAt } = checkWorkload(signed, rule, rules.publicUrl, now());
    const scopes = allowedScopes(form.get('scope'), rule.scopes, rules.scopes);
    return issueUnderStandingGrant(
      facade,
      {
        origin: 'workload',
        issuer,
        subject,
        client: rule.name,
        clientName: rule.name,
        groups: [],
        scopes: allowedScopes(undefined, rule.scopes, rules.scopes),
      },
      scopes,
      rule.singleUse ? [await spentBy(issuer, id, expiresAt, now())] : [],
    );
  });
}

const spentBy = async (issuer: string, id: string, expiresAt: number, now: number): Promise<SpentAssertion> => ({
  hash: await sha256(JSON.stringify(['grant', issuer, id])),
  now,
  expiresAt,
});

/**
 * Logs the rejection of an assertion that a trusted issuer signed for a subject that the operator named: an alarm counts these.
 * Other assertions are those of strangers.
 */
async function noticing<T>({ log }: Facade, { iss, sub }: JWTPayload, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OAuthError && error.status < 429 && error.reason !== 'grant_revoked') {
      log('trusted_assertion_rejected', { reason: error.reason, issuer: iss, subject: sub });
    }
    throw error;
  }
}
