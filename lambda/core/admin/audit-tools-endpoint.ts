import type { Branding } from '../../shared/branding.ts';
import { AUDIT_SCOPE, type ScopeSet } from '../../shared/scope-set.ts';
import type { Caller } from '../access/caller.ts';
import type { AuditRules } from '../audit/audit-recorder.ts';
import type { AuditLogWriter } from '../audit/tool-call.ts';
import type { ChangeStore } from '../mcp/change-notifications.ts';
import type { ExecutionStore } from '../mcp/execution.ts';
import { type PendingResponse, respond } from '../mcp/mcp-exchange.ts';
import { type McpRequest, McpResponse } from '../mcp/mcp-http.ts';
import { type RequestStateStore, RequestStates } from '../mcp/modern/request-state.ts';
import { failure, handleMcpRequest, type PipelineDependencies } from '../mcp/pipeline.ts';
import { ServerStep } from '../mcp/server-step.ts';
import type { StateStore } from '../mcp/tool-state.ts';
import type { SessionStore } from '../sessions/session.ts';
import { type SessionRules, Sessions } from '../sessions/sessions.ts';
import type { Clock } from '../support/clock.ts';
import type { Logger } from '../support/logger.ts';
import { type AuditLog, auditToolsServer } from './audit-tools-server.ts';

export type AuditToolsDependencies = {
  /** The group whose members may use the tools. */
  adminsGroup: string;
  sessionRules: SessionRules;
  auditRules: AuditRules;
  /** The data that the tools read. */
  log: AuditLog;
  stores: {
    sessions: SessionStore;
    executions: ExecutionStore;
    requestStates: RequestStateStore;
    changes: ChangeStore;
    state: StateStore;
    calls: AuditLogWriter;
  };
  branding: Branding;
  scopes: ScopeSet;
  publicUrl: string;
  allowedOrigins: readonly string[] | undefined;
  clock: Clock;
  /** Epoch seconds. */
  seconds: () => number;
  logger: Logger;
  setTrace: (traceId: string) => void;
};

/** Answers a request of the endpoint. @param remainingMilliseconds time until the invocation ends */
export type AuditToolsEndpoint = (
  request: McpRequest,
  caller: Caller,
  remainingMilliseconds?: number,
) => Promise<PendingResponse>;

/**
 * `/mcp/audit`: the pipeline of `/mcp` around the audit tools, so that sessions, both eras, revocation and the audit log are
 * the same. It answers admins alone; other users get the response of a path that does not exist.
 */
export function auditToolsEndpoint(dependencies: AuditToolsDependencies): AuditToolsEndpoint {
  const pipeline = pipelineOf(dependencies);
  return async (request, caller, remainingMilliseconds) => {
    try {
      if (!(await isAdmitted(dependencies, caller))) return respond(notFound());
    } catch (error) {
      return respond(failure(pipeline, error));
    }
    return handleMcpRequest(pipeline, request, caller, remainingMilliseconds);
  };
}

/**
 * The groups of the grant are those of the user's last token refresh. A revoked grant is the session step's to reject, which
 * reads it consistently.
 */
async function isAdmitted({ log, adminsGroup }: AuditToolsDependencies, caller: Caller): Promise<boolean> {
  if (!caller.scopes.includes(AUDIT_SCOPE)) return false;
  const [grant] = await log.directory.grants([caller.grant]);
  return grant?.user === caller.user && grant.groups.includes(adminsGroup);
}

/** As the gateway answers for a path that does not exist. */
const notFound = () =>
  McpResponse.json({ error: 'not_found', error_description: 'No resource exists at this path' }, { status: 404 });

function pipelineOf(dependencies: AuditToolsDependencies): PipelineDependencies {
  const { stores, branding, publicUrl, allowedOrigins, clock, seconds, logger, setTrace } = dependencies;
  const sessions = new Sessions(stores.sessions, dependencies.sessionRules, seconds);
  // The declared requirements are those of the owner's tools.
  const scopes = { ...dependencies.scopes, tools: {} };
  return {
    sessions,
    server: new ServerStep({
      create: () => auditToolsServer(dependencies.log, dependencies.sessionRules.ttlSeconds),
      branding,
      scopes,
      executions: stores.executions,
      requestStates: new RequestStates(unsharedKey(), stores.requestStates, seconds),
      starter: { start: () => Promise.reject(new Error('The audit tools are not long-running')) },
      changes: stores.changes,
      listenSeconds: 0,
      taskTtlSeconds: 3600,
      holdSeconds: 30,
      savePreferences: (session, preferences) => sessions.savePreferences(session, preferences),
      clock,
      log: logger,
    }),
    context: {
      state: stores.state,
      upstream: undefined,
      secrets: { get: () => Promise.reject(new Error('The audit tools have no secrets')) },
      clock,
      log: logger,
    },
    audit: { store: stores.calls, rules: dependencies.auditRules, clock, log: logger },
    scopes,
    publicUrl,
    allowedOrigins,
    log: logger,
    setTrace,
  };
}

/** The tools request no input, so each request state that a client presents is rejected, whatever the key. */
const unsharedKey = () => ({
  load: () => crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']),
});
