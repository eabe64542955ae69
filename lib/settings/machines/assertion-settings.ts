import { Token } from 'aws-cdk-lib/core';
import type { ScopeSet } from '../../../lambda/shared/scope-set.ts';
import { type IdentityProviderSettings, withProfile } from '../identity-provider-settings.ts';
import { hasSyntax, quoted } from '../setting-validation.ts';
import { type MachineClientSettings, validateAllowedScopes } from './machine-client-settings.ts';
import { type PublicJwk, validateKeys } from './public-keys.ts';
import {
  otherPlatform,
  type WorkloadProfile,
  type WorkloadProfileName,
  workloadProfiles,
} from './workload-profiles.ts';

/** An issuer of assertions, and its keys. */
interface TrustedIssuerProps {
  /**
   * Its public keys, for an issuer that is not reachable from the internet.
   * @default - those at `jwksUri`
   */
  readonly jwks?: { readonly keys: PublicJwk[] };
  /**
   * The https URL of its key set.
   * @default - as the discovery document of the issuer states
   */
  readonly jwksUri?: string;
}

/** A rule: tokens of a platform whose subject matches are a service. */
export interface Workload extends TrustedIssuerProps {
  /** The name of the service in the audit log: its `client_id`. */
  readonly name: string;
  /**
   * The platform: `github` (Actions), `kubernetes`, `aws` (STS), `gcp` or `azure`.
   * @default - another one, by its `issuer`
   */
  readonly profile?: WorkloadProfileName;
  /**
   * `iss` of the tokens.
   * @default - that of the profile; `kubernetes`, `aws` and `azure` have none
   */
  readonly issuer?: string;
  /** `sub` of the tokens: exact, or a start that ends behind a separator and a final `*`. */
  readonly subject: string;
  /**
   * `aud` of the tokens.
   * @default - the MCP URL, or the origin of the server
   */
  readonly audience?: string;
  /** The scopes of the access tokens. */
  readonly scopes: string[];
  /**
   * Whether a token of the platform gives one access token.
   * @default - by the profile; true without one
   */
  readonly singleUse?: boolean;
}

/** An identity provider whose assertions (ID-JAG) sign its users in. */
export interface EnterpriseIssuerProps extends TrustedIssuerProps {
  /** `iss` of the assertions. */
  readonly issuer: string;
  /**
   * The `client_id`s that may present them.
   * @default - every client that authenticates
   */
  readonly clients?: string[];
}

/** Sign-in by assertions of other issuers (RFC 7523). */
export interface AssertionSettings {
  /**
   * Workloads that sign in with the token of their platform, without a stored secret.
   * @default []
   */
  readonly workloads?: Workload[];
  /**
   * Enterprise-managed authorization: identity providers whose assertions sign users in without a page.
   * @default []
   */
  readonly enterpriseIssuers?: EnterpriseIssuerProps[];
  /**
   * Whether `identityProvider` is one of these.
   * @default false
   */
  readonly enterpriseAuthorization?: boolean;
}

type AssertionContext = AssertionSettings & { identityProvider?: IdentityProviderSettings | undefined };

/** The settings as environment variables of the OAuth function. */
export function assertionEnvironment(settings: AssertionContext) {
  const { workloads = [], enterpriseIssuers = [], enterpriseAuthorization, identityProvider } = settings;
  const ofUsers =
    enterpriseAuthorization && identityProvider
      ? [{ issuer: withProfile(identityProvider).issuer, hasGroups: true }]
      : [];
  const issuers = [...ofUsers, ...enterpriseIssuers];
  return {
    WORKLOADS: workloads.length > 0 ? JSON.stringify(workloads.map(resolveWorkload)) : undefined,
    ENTERPRISE_ISSUERS: issuers.length > 0 ? JSON.stringify(issuers) : undefined,
  };
}

/** Whether assertions of other issuers count. */
export const admitsAssertions = ({
  workloads = [],
  enterpriseIssuers = [],
  enterpriseAuthorization,
}: AssertionSettings) => workloads.length > 0 || enterpriseIssuers.length > 0 || enterpriseAuthorization === true;

const profileOf = ({ profile }: Workload): WorkloadProfile =>
  profile === undefined ? otherPlatform : workloadProfiles[profile];

function resolveWorkload(workload: Workload) {
  const { profile, ...rule } = workload;
  const { issuer, singleUse } = profileOf(workload);
  return { ...rule, issuer: rule.issuer ?? issuer, singleUse: rule.singleUse ?? singleUse };
}

const nameSyntax = /^[a-z][a-z0-9-]{0,62}$/;
const urlSyntax = /^https:\/\/[^\s#?@*]+$/;
/** Other characters could look like these, and no platform has them in a subject. */
const subjectSyntax = /^[\x21-\x7e]{1,512}$/;

/** Yields an error message for each invalid setting. */
export function* validateAssertions(
  settings: AssertionContext & MachineClientSettings & { scopes: ScopeSet; clients: readonly { id: string }[] },
): Generator<string> {
  const { workloads = [], enterpriseIssuers = [], enterpriseAuthorization, identityProvider, clients } = settings;
  if (identityProvider?.mode === 'direct' && admitsAssertions(settings)) {
    yield 'workloads and enterpriseIssuers are set, but in direct mode the identity provider issues all tokens: remove them';
  }
  if (enterpriseAuthorization && identityProvider === undefined) {
    yield 'enterpriseAuthorization is true without identityProvider: Cognito issues no ID-JAG; set identityProvider or enterpriseIssuers';
  }
  const others = [...clients.map(({ id }) => id), ...Object.keys(settings.machineClients ?? {})];
  for (const [index, workload] of workloads.entries()) {
    const name = `workloads[${index}]`;
    const isTaken =
      others.includes(workload.name) || workloads.findIndex((each) => each.name === workload.name) < index;
    if (workload.name === undefined || !hasSyntax(nameSyntax, workload.name))
      yield `${name}.name is ${quoted(workload.name)}: use a-z, 0-9 and -`;
    if (isTaken) yield `${name}.name is ${quoted(workload.name)}: another client or workload has it`;
    yield* validateWorkload(name, workload);
    yield* validateAllowedScopes(`${name}.scopes`, workload.scopes, settings.scopes);
  }
  for (const [index, { issuer, jwks, jwksUri }] of enterpriseIssuers.entries()) {
    yield* validateIssuer(`enterpriseIssuers[${index}]`, { issuer, jwks, jwksUri });
  }
}

function* validateWorkload(name: string, workload: Workload): Generator<string> {
  const { profile, subject, jwks, jwksUri } = workload;
  if (profile !== undefined && !Object.hasOwn(workloadProfiles, profile)) {
    return yield `${name}.profile is ${quoted(profile)}: choose from ${Object.keys(workloadProfiles).join(', ')}`;
  }
  const { issuer = workload.issuer, subject: form, example } = profileOf(workload);
  yield* validateIssuer(name, { issuer: workload.issuer ?? issuer, jwks, jwksUri });
  if (Token.isUnresolved(subject)) return;
  if (typeof subject !== 'string' || !subjectSyntax.test(subject) || !form.test(subject)) {
    yield `${name}.subject is ${quoted(subject)}: name one workload, or end it with * behind a separator, such as ${example}`;
  }
}

function* validateIssuer(
  name: string,
  { issuer, jwks, jwksUri }: TrustedIssuerProps & { issuer?: string | undefined },
): Generator<string> {
  if (issuer === undefined || !hasSyntax(urlSyntax, issuer))
    yield `${name}.issuer is ${quoted(issuer)}: write an https URL`;
  if (jwks !== undefined && jwksUri !== undefined) yield `${name} has jwks and jwksUri: remove one of them`;
  if (jwks !== undefined) yield* validateKeys(`${name}.jwks`, jwks.keys);
  if (jwksUri !== undefined && !hasSyntax(urlSyntax, jwksUri))
    yield `${name}.jwksUri is ${quoted(jwksUri)}: write an https URL`;
}
