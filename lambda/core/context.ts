import type { State } from './state.ts';

/** What a tool may know and do: the one thing of Holdfast's own that `lambda/server.ts` meets. */
export type Context = {
  user: {
    /** Stable and opaque: what to file things under. Never an e-mail address. */
    key: string;
    /** `iss` and `sub` at the identity provider. */
    issuer: string;
    subject: string;
    /** Groups that the identity provider put the user in at sign-in. */
    groups: string[];
  };
  client: {
    /** `client_id`. */
    id: string;
    /** The name it registered under. */
    name: string;
  };
  session: {
    id: string;
    /** `legacy`: named by `Mcp-Session-Id` (until 2025-11-25). `modern`: the calls of a grant until they pause (2026-07-28). */
    era: 'legacy' | 'modern';
    startedAt: Date;
    /** Moves with each request. */
    expiresAt: Date;
  };
  /** Scopes that the access token carries. */
  scopes: string[];
  /** A small store that belongs to this user alone. */
  state: State;
  /**
   * An access token of this user at the identity provider, refreshed when due. Ask only when it is needed: it is
   * unsealed for this call.
   * @throws Error when the provider no longer honours the grant, or the stack does not let tools use these tokens
   */
  upstreamToken(): Promise<string>;
  /** Base URL of the identity provider's discovery document, if tools may use its tokens. */
  identityProviderIssuer: string | undefined;
};
