import type { Directory } from '../../core/admin/directory.ts';
import type { RevocationStore } from '../../core/admin/revocation.ts';
import type { AggregateStore } from '../../core/audit/aggregate-kinds.ts';
import type { AuditLogStore } from '../../core/audit/tool-call.ts';
import type { DashboardSessionStarter, DashboardSessionStore } from '../../core/dashboard/dashboard-session.ts';
import type { ExchangedTokenStore } from '../../core/identity/token-exchange.ts';
import type { EndedTokenStore } from '../../core/identity/upstream-revocations.ts';
import type { UpstreamTokenStore } from '../../core/identity/upstream-tokens.ts';
import type { ChangeStore } from '../../core/mcp/change-notifications.ts';
import type { ExecutionStore } from '../../core/mcp/execution.ts';
import type { RequestStateStore } from '../../core/mcp/modern/request-state.ts';
import type { StateStore } from '../../core/mcp/tool-state.ts';
import type { FlowStore, GrantStore } from '../../core/oauth/authorization-flow.ts';
import type { AssertionStore } from '../../core/oauth/clients/client-assertion.ts';
import type { DocumentStore } from '../../core/oauth/clients/client-documents.ts';
import type { ClientStore } from '../../core/oauth/clients/client-registration.ts';
import type { RateLimitStore } from '../../core/oauth/clients/rate-limit.ts';
import type { SessionStore } from '../../core/sessions/session.ts';
import type { SealedKeyStore } from '../../core/support/sealed-key.ts';
import { memoryAggregateStore } from './memory-aggregate-store.ts';
import { memoryAssertionStore } from './memory-assertion-store.ts';
import { memoryAuditLog } from './memory-audit-log.ts';
import { memoryChangeStore } from './memory-change-store.ts';
import { memoryClientStore } from './memory-client-store.ts';
import { memoryDashboardSessionStore } from './memory-dashboard-session-store.ts';
import { memoryDirectory } from './memory-directory.ts';
import { memoryDocumentStore } from './memory-document-store.ts';
import { memoryExchangedTokenStore } from './memory-exchanged-token-store.ts';
import { memoryExecutionStore } from './memory-execution-store.ts';
import { memoryFlowStore } from './memory-flow-store.ts';
import { memoryGrantStore } from './memory-grant-store.ts';
import { memoryRateLimitStore } from './memory-rate-limit-store.ts';
import { memoryRequestStateStore } from './memory-request-state-store.ts';
import { memoryRevocationStore } from './memory-revocation-store.ts';
import { memorySealedKeyStore } from './memory-sealed-key-store.ts';
import { memorySessionStore } from './memory-session-store.ts';
import { memoryStateStore } from './memory-state-store.ts';
import { memoryTables } from './memory-tables.ts';
import { memoryEndedTokenStore, memoryUpstreamTokenStore } from './memory-upstream-token-store.ts';

export type MemoryStores = {
  sessions: SessionStore;
  executions: ExecutionStore;
  requestStates: RequestStateStore;
  changes: ChangeStore;
  calls: AuditLogStore;
  clients: ClientStore;
  documents: DocumentStore;
  rateLimits: RateLimitStore;
  assertions: AssertionStore;
  flows: FlowStore;
  grants: GrantStore;
  upstreamTokens: UpstreamTokenStore;
  endedTokens: EndedTokenStore;
  exchangedTokens: ExchangedTokenStore;
  sealedKeys: SealedKeyStore;
  state: StateStore;
  aggregates: AggregateStore;
  dashboardSessions: DashboardSessionStore & DashboardSessionStarter;
  directory: Directory;
  revocation: RevocationStore;
};

/**
 * Every store in the memory of one process: for unit tests, and for a server outside AWS in a single long-lived process.
 * Expired items stay until they are overwritten, as in DynamoDB before its TTL deletes them.
 */
export function memoryStores(): MemoryStores {
  const tables = memoryTables();
  return {
    sessions: memorySessionStore(tables),
    executions: memoryExecutionStore(),
    requestStates: memoryRequestStateStore(),
    changes: memoryChangeStore(),
    calls: memoryAuditLog(),
    clients: memoryClientStore(),
    documents: memoryDocumentStore(),
    rateLimits: memoryRateLimitStore(),
    assertions: memoryAssertionStore(tables),
    flows: memoryFlowStore(tables),
    grants: memoryGrantStore(tables),
    upstreamTokens: memoryUpstreamTokenStore(tables),
    endedTokens: memoryEndedTokenStore(tables),
    exchangedTokens: memoryExchangedTokenStore(),
    sealedKeys: memorySealedKeyStore(),
    state: memoryStateStore(),
    aggregates: memoryAggregateStore(),
    dashboardSessions: memoryDashboardSessionStore(tables),
    directory: memoryDirectory(tables),
    revocation: memoryRevocationStore(tables),
  };
}
