import type { ScopeSet } from '../../shared/scope-set.ts';
import type { AuditRules } from '../audit/audit-recorder.ts';
import type { DashboardSessionStarter } from '../dashboard/dashboard-session.ts';
import type { UpstreamProvider } from '../identity/upstream-provider.ts';
import type { UpstreamTokenManager } from '../identity/upstream-tokens.ts';
import type { UserNames } from '../identity/user-names.ts';
import type { Logger } from '../support/logger.ts';
import type { Sealer } from '../support/sealer.ts';
import type { FlowStore, GrantStore } from './authorization-flow.ts';
import type { AssertionStore } from './clients/client-assertion.ts';
import type { ClientDocuments } from './clients/client-documents.ts';
import type { ClientStore } from './clients/client-registration.ts';
import type { ClientAdmission, PreregisteredClient } from './clients/oauth-client.ts';
import type { MacKey, Signer } from './tokens/facade-tokens.ts';

/** What an owner decides about sign-in. */
export type FacadeRules = {
  /** The origin that clients know: issuer of tokens, and prefix of every endpoint. */
  publicUrl: string;
  scopes: ScopeSet;
  accessTokenSeconds: number;
  grantIdleSeconds: number;
  grantAbsoluteSeconds: number;
  refreshWindowSeconds: number;
  redirectSchemes: string[];
  preregisteredClients: PreregisteredClient[];
  /** Clients whose id is the address of their own document; the list names hosts. */
  clientDocuments: ClientAdmission;
  /** Clients that register; the list names redirect hosts and schemes. */
  dynamicRegistration: ClientAdmission;
  /** What the consent page calls the identity provider. */
  upstreamProviderName: string;
  /** What the consent page says is recorded of a tool's arguments. */
  auditArguments: AuditRules['arguments'];
  /** The claim that owners know users by; absent: they do not. */
  nameClaim?: 'name' | 'email' | undefined;
  /** What the identity provider is asked for. */
  upstreamScopes: string[];
};

/** Everything the facade works with. */
export type Facade = {
  rules: FacadeRules;
  clients: ClientStore;
  documents: ClientDocuments;
  assertions: AssertionStore;
  flows: FlowStore;
  grants: GrantStore;
  dashboardSessions: DashboardSessionStarter;
  /** Absent unless the owner wants to see what users are called. */
  userNames?: UserNames | undefined;
  signer: Signer;
  macKey: MacKey;
  sealer: Sealer;
  upstreamProvider: UpstreamProvider;
  upstreamTokens: UpstreamTokenManager;
  /** Epoch seconds. */
  now: () => number;
  /** Something an operator should know; never a secret. */
  log: Logger;
};
