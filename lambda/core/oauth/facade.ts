import type { ScopeSet } from '../../shared/scope-set.ts';
import type { RecordRules } from '../audit/audit-recorder.ts';
import type { VisitStarter } from '../dashboard/dashboard-session.ts';
import type { IdentityProvider } from '../identity/upstream-provider.ts';
import type { IdentityTokenKeeper } from '../identity/upstream-tokens.ts';
import type { Names } from '../identity/user-names.ts';
import type { Sealer } from '../support/sealer.ts';
import type { FlowStore, GrantStore } from './authorization-flow.ts';
import type { AssertionStore } from './clients/client-assertion.ts';
import type { ClientDocuments } from './clients/client-documents.ts';
import type { ClientStore } from './clients/client-registration.ts';
import type { Admission, ConfiguredClient } from './clients/oauth-client.ts';
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
  configuredClients: ConfiguredClient[];
  /** Clients whose id is the address of their own document; the list names hosts. */
  clientDocuments: Admission;
  /** Clients that register; the list names redirect hosts and schemes. */
  dynamicRegistration: Admission;
  /** What the consent page calls the identity provider. */
  identityProviderName: string;
  /** What the consent page says is recorded of a tool's arguments. */
  recordArguments: RecordRules['arguments'];
  /** The claim that owners know users by; absent: they do not. */
  nameClaim?: 'name' | 'email' | undefined;
  /** What the identity provider is asked for. */
  identityProviderScopes: string[];
};

/** Everything the facade works with. */
export type Facade = {
  rules: FacadeRules;
  clients: ClientStore;
  documents: ClientDocuments;
  assertions: AssertionStore;
  flows: FlowStore;
  grants: GrantStore;
  visits: VisitStarter;
  /** Absent unless the owner wants to see what users are called. */
  names?: Names | undefined;
  signer: Signer;
  macKey: MacKey;
  sealer: Sealer;
  identityProvider: IdentityProvider;
  identityTokens: IdentityTokenKeeper;
  /** Epoch seconds. */
  now: () => number;
  /** Something an operator should know; never a secret. */
  log: (event: string, details?: Record<string, unknown>) => void;
};
