import type { IdentityProvider } from '../identity-provider.ts';
import type { IdentityTokenKeeper } from '../identity-tokens.ts';
import type { Names } from '../names.ts';
import type { RecordRules } from '../record.ts';
import type { ScopeSet } from '../scopes.ts';
import type { Sealer } from '../seal.ts';
import type { VisitStarter } from '../visit.ts';
import type { Admission, ConfiguredClient } from './client.ts';
import type { AssertionStore } from './client-assertion.ts';
import type { ClientDocuments } from './documents.ts';
import type { FlowStore, GrantStore } from './flow.ts';
import type { ClientStore } from './registration.ts';
import type { MacKey, Signer } from './tokens.ts';

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
