import type { AuditRules } from '../../core/audit/audit-recorder.ts';
import type { CallJournal } from '../../core/audit/call-journal.ts';
import type { AuditLogWriter } from '../../core/audit/tool-call.ts';
import { openServerStep } from '../../core/mcp/fast-path/no-fast-path.ts';
import { RequestStates } from '../../core/mcp/modern/request-state.ts';
import type { PipelineDependencies } from '../../core/mcp/pipeline.ts';
import type { CreateServer } from '../../core/mcp/sdk/owner-server.ts';
import type { WorkerStarter } from '../../core/mcp/tasks/tasks.ts';
import type { ToolContextDependencies } from '../../core/mcp/tool-context.ts';
import { type SessionRules, Sessions } from '../../core/sessions/sessions.ts';
import { type Clock, epochSeconds } from '../../core/support/clock.ts';
import type { Logger } from '../../core/support/logger.ts';
import type { Branding } from '../../shared/branding.ts';
import type { ScopeSet } from '../../shared/scope-set.ts';
import type { MemoryStores } from './memory-stores.ts';

export type MemoryPipelineOptions = Partial<SessionRules> & {
  createServer: CreateServer;
  stores: MemoryStores;
  /** Seals the states of requests. */
  key: Promise<CryptoKey>;
  starter: WorkerStarter;
  scopes: ScopeSet;
  publicUrl: string;
  clock: Clock;
  log: Logger;
  setTrace?: ((traceId: string) => void) | undefined;
  secrets: ToolContextDependencies['secrets'];
  holdSeconds?: number | undefined;
  listenSeconds?: number | undefined;
  allowedOrigins?: string[] | undefined;
  record?: Partial<AuditRules> | undefined;
  /** The audit log. @default that of the stores */
  calls?: AuditLogWriter | undefined;
  /** @default calls whose process dies are not logged */
  journal?: CallJournal | undefined;
  taskTtlSeconds?: number | undefined;
  branding?: Branding | undefined;
  /** How requests are answered. @default by the MCP SDK */
  openServer?: typeof openServerStep | undefined;
};

/** The pipeline over stores in memory, with the defaults of a deployment. */
export function memoryPipeline(options: MemoryPipelineOptions): PipelineDependencies {
  const { stores, clock, log, scopes, publicUrl, allowedOrigins } = options;
  const { ttlSeconds = 24 * 3600, ttlSecondsByGroup, stale = 'renew' } = options;
  const now = () => epochSeconds(clock);
  const sessions = new Sessions(
    stores.sessions,
    { ttlSeconds, stale, ...(ttlSecondsByGroup && { ttlSecondsByGroup }) },
    now,
  );
  return {
    sessions,
    server: (options.openServer ?? openServerStep)({
      create: options.createServer,
      branding: options.branding ?? {},
      scopes,
      executions: stores.executions,
      requestStates: new RequestStates({ load: () => options.key }, stores.requestStates, now),
      starter: options.starter,
      changes: stores.changes,
      listenSeconds: options.listenSeconds ?? 0,
      taskTtlSeconds: options.taskTtlSeconds ?? 3600,
      holdSeconds: options.holdSeconds ?? 60,
      savePreferences: (session, preferences) => sessions.savePreferences(session, preferences),
      clock,
      log,
    }),
    context: {
      state: stores.state,
      upstream: undefined,
      secrets: options.secrets,
      clock,
      log,
    },
    audit: {
      store: options.calls ?? stores.calls,
      rules: {
        methods: 'tools',
        arguments: 'no',
        errors: 'class',
        retentionDays: 30,
        deployment: 'test',
        ...options.record,
      },
      ...(options.journal && { journal: options.journal }),
      clock,
      log,
    },
    scopes,
    publicUrl,
    allowedOrigins,
    log,
    setTrace: options.setTrace ?? (() => undefined),
  };
}
