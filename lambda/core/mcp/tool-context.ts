import { isPersonal } from '../../shared/personal-token.ts';
import type { Caller } from '../access/caller.ts';
import { kindOf, type PrincipalKind } from '../access/grant.ts';
import type { TokenExchange } from '../identity/token-exchange.ts';
import type { UpstreamTokenManager } from '../identity/upstream-tokens.ts';
import { nameOfSession } from '../sessions/session.ts';
import type { SessionAccess } from '../sessions/sessions.ts';
import { type Clock, epochSeconds } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import { reportFailures } from './tool-failure.ts';
import type { ToolSecrets } from './tool-secrets.ts';
import { type StateStore, ToolState } from './tool-state.ts';
import type { Trace } from './trace.ts';

/** The argument of `createServer`: the user, the session and the services of Holdfast that a tool can use. */
export type ToolContext = {
  user: {
    /** Stable and opaque: the key for a user's data. Never an e-mail address. */
    key: string;
    /** `person`: signed in, also at another time or at an enterprise. `service`: a machine client, or a workload. */
    kind: PrincipalKind;
    /** `iss` and `sub` at the identity provider; of a service, see `docs/sign-in.md`. */
    issuer: string;
    subject: string;
    /**
     * Groups at the identity provider, as of the client's last refresh of its access token, at most an hour ago. Limited by
     * the setting `identityProvider.groups`.
     */
    groups: string[];
  };
  client: {
    /** `client_id`. */
    id: string;
    /** The registered name. */
    name: string;
  };
  session: {
    id: string;
    /** `legacy`: identified by `Mcp-Session-Id` (until 2025-11-25). `modern`: the calls of a grant until they pause (2026-07-28). */
    era: 'legacy' | 'modern';
    startedAt: Date;
    /** Moves with each request. */
    expiresAt: Date;
  };
  /** Scopes of the access token. */
  scopes: string[];
  /**
   * The client's trace (W3C Trace Context), from `_meta` or else from the headers of the request. Send both members as the
   * headers `traceparent` and `tracestate` of your own requests. Absent when the client sends none.
   */
  trace: Trace | undefined;
  /** A small store of this user's data. */
  state: ToolState;
  /**
   * An access token of this user at the identity provider, refreshed when due. It is unsealed for this call, so ask only
   * when you need it. With `audience` or `scopes`, it is exchanged there for a token for another API (RFC 8693, or the
   * on-behalf-of flow of Microsoft Entra), which is used again until a minute before its expiry.
   * @param options `refresh`: renews it even if it has not expired, unless that was done within the last minute. For an API
   * that rejects the token before its expiry. `audience`: the API, as the provider names it. `scopes`: of that API
   * @throws Error when the provider no longer honours the grant or rejects the exchange, for a service and for a personal
   * access token, which have no token there, or when the stack does not allow tools to use these tokens
   */
  upstreamToken(options?: { refresh?: boolean; audience?: string; scopes?: readonly string[] }): Promise<string>;
  /**
   * The current value of a secret of the setting `secrets`, such as `await context.secret('STRIPE_KEY')`. A process reads it
   * at the first call and then at most every five minutes, so that a rotation arrives without a deployment. Ask for it in
   * each call of the tool; a copy would not follow the rotation.
   * @throws Error for a name that the stack does not have, and when Secrets Manager does not answer the first read
   */
  secret(name: string): Promise<string>;
  /**
   * Makes a tool long-running: `server.registerTool('report', config, context.longRunning(async (args, ctx) => …))`. A
   * worker with 15 minutes executes its calls. Clients that support tasks (`io.modelcontextprotocol/tasks`) receive a task
   * at once, clients of the 2025 era wait on their stream. Another worker starts over when one dies, so the callback must
   * tolerate a second start. Errors, `inputRequired` and progress work as in any tool.
   */
  longRunning: LongRunning;
  /** Base URL of the identity provider's discovery document, without a final slash. Absent unless tools may use its tokens. */
  identityProviderIssuer: string | undefined;
};

// biome-ignore lint/suspicious/noExplicitAny: the SDK's callbacks differ in their arguments, and share no narrower type
type Callback = (...args: any[]) => unknown;

/** Makes a tool's callback long-running. */
export type LongRunning = <C extends Callback>(
  callback: C,
  options?: {
    /** Rejects clients of 2026-07-28 without the tasks extension, instead of executing while they wait. @default false */
    required?: boolean;
  },
) => C;

/** The same for every request. */
export type ToolContextDependencies = {
  state: StateStore;
  /** Absent when tools may not use the identity provider's tokens. */
  upstream:
    | {
        issuer: string;
        tokens: Pick<UpstreamTokenManager, 'accessToken'>;
        exchange: Pick<TokenExchange, 'token'>;
      }
    | undefined;
  secrets: Pick<ToolSecrets, 'get'>;
  clock: Clock;
  /** Receives failures behind a tool, which only the model would see otherwise. */
  log: Logger;
};

/**
 * The context of one request; the server builder adds `longRunning`.
 *
 * @param onOutage called when a service of Holdfast did not answer a tool
 */
export function createToolContext(
  { state, upstream, secrets, clock, log }: ToolContextDependencies,
  caller: Caller,
  { grant, session }: Pick<SessionAccess, 'grant' | 'session'>,
  trace: Trace | undefined,
  onOutage: () => void,
): Omit<ToolContext, 'longRunning'> {
  const guarded = reportFailures(log, onOutage);
  const guardedState: StateStore = {
    get: (...request) => guarded(state.get(...request)),
    put: (...request) => guarded(state.put(...request)),
    overwrite: (...request) => guarded(state.overwrite(...request)),
    delete: (...request) => guarded(state.delete(...request)),
    list: (...request) => guarded(state.list(...request)),
  };
  return {
    user: {
      key: grant.user,
      kind: kindOf(grant),
      issuer: grant.issuer,
      subject: grant.subject,
      groups: grant.groups,
    },
    client: { id: grant.client, name: grant.clientName },
    session: {
      id: nameOfSession(session),
      era: session.era,
      startedAt: new Date(session.startedAt * 1000),
      expiresAt: new Date(session.expiresAt * 1000),
    },
    scopes: caller.scopes,
    trace,
    state: new ToolState(guardedState, grant.user, () => epochSeconds(clock)),
    identityProviderIssuer: upstream?.issuer,
    upstreamToken: async (options) => {
      if (caller.identity) throw new Error('Direct mode has no upstream tokens; the client holds them');
      if (!upstream) throw new Error('Upstream tokens are off; set `upstreamTokens: true` on the stack');
      if (kindOf(grant) === 'service') throw new Error('A service has no token at the identity provider; use a secret');
      if (isPersonal(grant)) throw new Error('A personal access token has no token at the identity provider');
      const { audience, scopes = [], ...renewal } = options ?? {};
      if (audience === undefined && scopes.length === 0) return guarded(upstream.tokens.accessToken(grant, renewal));
      const request = { audience, ...(scopes.length > 0 && { scopes }) };
      return guarded(upstream.exchange.token(grant, request, renewal));
    },
    secret: (name) => guarded(secrets.get(name)),
  };
}
