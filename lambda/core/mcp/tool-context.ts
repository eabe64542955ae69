import type { Caller } from '../access/caller.ts';
import type { UpstreamTokenManager } from '../identity/upstream-tokens.ts';
import type { SessionAccess } from '../sessions/sessions.ts';
import type { Logger } from '../support/logger.ts';
import type { LongRunning } from './tasks/long-running-tools.ts';
import { reportFailures } from './tool-failure.ts';
import { type StateStore, ToolState } from './tool-state.ts';
import type { Trace } from './trace.ts';

/** What a tool may know and do: the one thing of Holdfast's own that `lambda/server.ts` meets. */
export type ToolContext = {
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
  /**
   * The client's trace (W3C Trace Context), from `_meta` or else from the headers of the request: pass both on with what
   * you request elsewhere, as the headers `traceparent` and `tracestate`. Absent when the client names none.
   */
  trace: Trace | undefined;
  /** A small store that belongs to this user alone. */
  state: ToolState;
  /**
   * An access token of this user at the identity provider, refreshed when due. Ask only when it is needed: it is
   * unsealed for this call.
   * @throws Error when the provider no longer honours the grant, or the stack does not let tools use these tokens
   */
  upstreamToken(): Promise<string>;
  /**
   * Makes a tool's callback one that takes long: `server.registerTool('report', config, context.long(async (args, ctx) => …))`.
   * Its calls are done by a worker that has 15 minutes; clients that know tasks (`io.modelcontextprotocol/tasks`) get a
   * handle at once, those of the 2025 era wait on their stream. A worker that dies is followed by another, so the callback
   * must be fit to be begun again. Errors, questions (`inputRequired`) and progress work as in any tool.
   */
  longRunning: LongRunning;
  /** Base URL of the identity provider's discovery document, without a slash at its end; if tools may use its tokens. */
  identityProviderIssuer: string | undefined;
};

/** What contexts are made with, the same for every request. */
export type ToolContextDependencies = {
  state: StateStore;
  /** Absent when tools may not use the identity provider's tokens. */
  identity: { issuer: string; tokens: UpstreamTokenManager } | undefined;
  /** Epoch seconds. */
  now: () => number;
  /** Told of what fails while a tool runs, which nobody but the assistant would hear of. */
  log: Logger;
};

/** The context of one request. */
export function createToolContext(
  { state, identity, now, log }: ToolContextDependencies,
  caller: Caller,
  admission: Pick<SessionAccess, 'grant' | 'session'>,
  trace: Trace | undefined,
): Omit<ToolContext, 'longRunning'> {
  const { grant, session } = admission;
  const guarded = reportFailures(log);
  const guardedState: StateStore = {
    get: (...request) => guarded(state.get(...request)),
    put: (...request) => guarded(state.put(...request)),
    delete: (...request) => guarded(state.delete(...request)),
    list: (...request) => guarded(state.list(...request)),
  };
  return {
    user: { key: grant.user, issuer: grant.issuer, subject: grant.subject, groups: grant.groups },
    client: { id: grant.client, name: grant.clientName },
    session: {
      id: session.id,
      era: session.era,
      startedAt: new Date(session.startedAt * 1000),
      expiresAt: new Date(session.expiresAt * 1000),
    },
    scopes: caller.scopes,
    trace,
    state: new ToolState(guardedState, grant.user, now),
    identityProviderIssuer: identity?.issuer,
    upstreamToken: async () => {
      if (caller.identity) throw new Error('In direct mode the identity provider’s tokens never come here');
      if (!identity) throw new Error('Set `upstreamTokens: true` on the stack to let tools use these tokens');
      return guarded(identity.tokens.accessToken(grant.id));
    },
  };
}
