import type { IdentityProvider } from '../identity-provider.ts';
import type { IdentityTokenKeeper } from '../identity-tokens.ts';
import type { Sealer } from '../seal.ts';
import type { ClientStore } from './client.ts';
import type { FlowStore, GrantStore } from './flow.ts';
import type { MacKey, Signer } from './tokens.ts';

/** What an owner decides about sign-in. */
export type FacadeRules = {
  /** The origin that clients know: issuer of tokens, and prefix of every endpoint. */
  publicUrl: string;
  /** Scopes a client may be granted; the first is the default. */
  scopes: string[];
  accessTokenSeconds: number;
  grantIdleSeconds: number;
  grantAbsoluteSeconds: number;
  refreshWindowSeconds: number;
  redirectSchemes: string[];
  /** What the consent page calls the identity provider. */
  identityProviderName: string;
};

/** Everything the facade works with. */
export type Facade = {
  rules: FacadeRules;
  clients: ClientStore;
  flows: FlowStore;
  grants: GrantStore;
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
