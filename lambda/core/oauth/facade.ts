import type { Branding } from '../../shared/branding.ts';
import type { ScopeSet } from '../../shared/scope-set.ts';
import type { AuditRules } from '../audit/audit-recorder.ts';
import type { DashboardSessionStarter, DashboardSessionStore } from '../dashboard/dashboard-session.ts';
import type { GroupReader, UpstreamProvider } from '../identity/upstream-provider.ts';
import type { UpstreamRevocations } from '../identity/upstream-revocations.ts';
import type { UpstreamTokenManager } from '../identity/upstream-tokens.ts';
import type { UserNames } from '../identity/user-names.ts';
import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import type { Sealer } from '../support/sealer.ts';
import type { EnterpriseIssuer } from './assertions/enterprise-assertion.ts';
import type { IssuerKeys } from './assertions/trusted-issuer.ts';
import type { WorkloadRule } from './assertions/workload-rule.ts';
import type { FlowStore, GrantStore } from './authorization-flow.ts';
import type { AssertionStore } from './clients/client-assertion.ts';
import type { ClientDocuments } from './clients/client-documents.ts';
import type { ClientStore } from './clients/client-registration.ts';
import type { MachineClient, MachineClientStore } from './clients/machine-client.ts';
import type { ClientAdmission, PreregisteredClient } from './clients/oauth-client.ts';
import type { RateLimitStore } from './clients/rate-limit.ts';
import type { OAuthPageText } from './pages/oauth-page-text.ts';
import type { AccessTokenKeys, MacKey } from './tokens/facade-tokens.ts';

/** The operator's settings of the authorization server. */
export type FacadeRules = {
  /** The origin of every endpoint, and the issuer of tokens. */
  publicUrl: string;
  /** The name and the icon of the server on pages. */
  branding: Branding;
  scopes: ScopeSet;
  accessTokenSeconds: number;
  grantIdleSeconds: number;
  grantAbsoluteSeconds: number;
  refreshWindowSeconds: number;
  redirectSchemes: string[];
  preregisteredClients: PreregisteredClient[];
  /** Machine clients of the settings; absent where machine clients are off. */
  machineClients?: MachineClient[] | undefined;
  /** Workloads of other platforms; absent where they are off. */
  workloads?: WorkloadRule[] | undefined;
  /** Providers whose ID-JAGs count; absent where enterprise-managed authorization is off. */
  enterpriseIssuers?: EnterpriseIssuer[] | undefined;
  /** Lifetime of an access token that no sign-in gives. @default `accessTokenSeconds` */
  machineTokenSeconds?: number | undefined;
  /** Clients with an ID metadata document; the list names hosts of documents. */
  clientDocuments: ClientAdmission;
  /** Clients that register dynamically; the list names redirect hosts and schemes. */
  dynamicRegistration: ClientAdmission;
  /** The name of the identity provider on the consent page. */
  upstreamProviderName: string;
  /** The forms in which the audit log stores arguments and errors of tools; the consent page states them. */
  auditArguments: AuditRules['arguments'];
  auditErrors: AuditRules['errors'];
  /** Whether the audit log has prompts and resources (`auditMethods: 'all'`). */
  logsTargets: boolean;
  /** The claim that names users to the operator; absent where names are not kept. */
  nameClaim?: 'name' | 'email' | undefined;
  /** The scopes that are requested from the identity provider. */
  upstreamScopes: string[];
  hasDashboard: boolean;
  /** The longest lifetime of a personal access token; absent where users cannot make them. */
  personalTokenDays?: number | undefined;
};

/** The ports and settings of the authorization server. */
export type Facade = AccessTokenKeys & {
  rules: FacadeRules;
  clients: ClientStore;
  machineClients: MachineClientStore;
  issuerKeys: IssuerKeys;
  /** The groups that claims of the identity provider state. */
  groupsIn?: GroupReader | undefined;
  documents: ClientDocuments;
  assertions: AssertionStore;
  flows: FlowStore;
  grants: GrantStore;
  dashboardSessions: DashboardSessionStarter;
  /** The dashboard sessions in which users make personal access tokens. */
  signedInUsers: Pick<DashboardSessionStore, 'findDashboardSession'>;
  /** The texts of pages, in a language that the browser accepts. */
  pageText: (request: Request) => Promise<OAuthPageText>;
  /** Absent where names are not kept. */
  userNames?: UserNames | undefined;
  macKey: MacKey;
  sealer: Sealer;
  upstreamProvider: UpstreamProvider;
  upstreamTokens: UpstreamTokenManager;
  upstreamRevocations: UpstreamRevocations;
  clock: Clock;
  /** Limits token requests without a sign-in. */
  rateLimits: RateLimitStore;
  /** From 0 to 1, for pauses. */
  random: () => number;
  /** The clock's epoch seconds. */
  now: () => number;
  log: Logger;
};
