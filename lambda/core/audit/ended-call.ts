import type { JSONRPCRequest } from '@modelcontextprotocol/server';
import type { Execution, ExecutionStore } from '../mcp/execution.ts';
import type { McpExchange } from '../mcp/mcp-exchange.ts';
import { messagesIn } from '../mcp/message-reader.ts';
import { restoreRequest } from '../mcp/stored-request.ts';
import { traceOf } from '../mcp/trace.ts';
import type { Logger } from '../support/logger.ts';

type Dependencies = { store: Pick<ExecutionStore, 'loadRequest'>; log: Logger };

/**
 * Logs the calls of an execution that no process ends: its client has cancelled it, or its process has died. The process that
 * stored this end of the execution logs it, so that it costs one write as well. A failure is logged.
 *
 * @param exchange of the request in which the process found out
 */
export async function logEndedCalls(
  { recorder, context }: Pick<McpExchange, 'recorder' | 'context'>,
  execution: Execution,
  outcome: 'cancelled' | 'interrupted',
  { store, log }: Dependencies,
): Promise<void> {
  try {
    const { request: stored } = await store.loadRequest(execution);
    const { startedAt, body, ...restored } = restoreRequest(stored);
    const open = (messagesIn(body) as JSONRPCRequest[]).filter(({ id }) => !execution.answered.includes(id));
    const trace = traceOf(restored.headers, body);
    const audited = { ...restored, body: open, context: { client: context.client, trace } };
    recorder.of(execution, { startedAt, unlessLogged: true }).failed(audited, { outcome });
  } catch (error) {
    log('audit_write_failed', { call: execution.id, cause: String(error) });
  }
}
