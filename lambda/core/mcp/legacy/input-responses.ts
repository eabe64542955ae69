import type { JSONRPCResponse } from '@modelcontextprotocol/server';
import type { Session } from '../../sessions/session.ts';
import { type Clock, epochSeconds } from '../../support/clock.ts';
import { randomId } from '../../support/crypto.ts';
import { retry, retryOnConflict } from '../../support/retry-on-conflict.ts';
import { acceptInput, type Execution, type ExecutionStore, isLiveExecution, wantsWorker } from '../execution.ts';
import { jsonRpcError } from '../json-rpc-error.ts';
import type { McpResponse } from '../mcp-http.ts';
import type { WorkerStarter } from '../tasks/tasks.ts';

type Dependencies = { store: ExecutionStore; starter: WorkerStarter; clock: Clock };

/** Accepts the responses of clients to elicitations and other input requests. */
export class InputResponses {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Stores a response. The last one continues its execution.
   *
   * @param resume called with an execution that this process has to continue
   * @returns the rejection of a response to no open request of the session
   */
  async accept(
    session: Session,
    response: JSONRPCResponse,
    resume: (execution: Execution) => void,
  ): Promise<McpResponse | undefined> {
    const { store, starter } = this.#dependencies;
    const [, id, inputRequest] = /^([A-Za-z0-9_-]{22})\.(\d{1,9})$/.exec(String(response.id)) ?? [];
    const execution = id === undefined ? undefined : await store.findExecution(session.grant, id);
    if (inputRequest === undefined || !this.#isExpected(session, execution, inputRequest)) {
      return jsonRpcError(400, -32600, 'Invalid Request: the response id matches no open request of this session');
    }
    if (!execution.open.includes(inputRequest)) {
      // It is a repetition, and the worker may have failed to start after the first one.
      if (wantsWorker(execution)) await starter.start({ grant: execution.grant, execution: execution.id });
      return undefined;
    }
    const continued = await this.#store(execution, inputRequest, response);
    if (continued?.kind === 'stream') resume(continued);
    else if (continued) await starter.start({ grant: continued.grant, execution: continued.id });
    return undefined;
  }

  /** Whether the session's client was sent the input request; for a task, any client of the grant that waits for it. */
  #isExpected(session: Session, execution: Execution | undefined, inputRequest: string): execution is Execution {
    if (!isLiveExecution(execution, epochSeconds(this.#dependencies.clock))) return false;
    if (execution.kind !== 'task' && execution.session !== session.id) return false;
    return execution.open.includes(inputRequest) || Object.hasOwn(execution.answers, inputRequest);
  }

  /** @returns the execution when this was its last response, so that it continues */
  async #store(
    execution: Execution,
    inputRequest: string,
    { jsonrpc, id, ...response }: JSONRPCResponse,
  ): Promise<Execution | undefined> {
    const { store, clock } = this.#dependencies;
    const name = randomId();
    await store.addAnswer(execution, name, JSON.stringify(response));
    let current: Execution | undefined = execution;
    return retryOnConflict({ service: 'The session table', item: `execution ${execution.id}` }, async () => {
      const wasWaiting = current?.status === 'input-required';
      const accepted = current && acceptInput(current, inputRequest, name, randomId(), epochSeconds(clock));
      if (!accepted) return undefined;
      if (await store.saveExecution(accepted)) {
        return wasWaiting && accepted.status === 'running' ? accepted : undefined;
      }
      current = await store.findExecution(execution.grant, execution.id);
      return current ? retry : undefined;
    });
  }
}
