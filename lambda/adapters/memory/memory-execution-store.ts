import type { Cancellation, Execution, ExecutionEvent, ExecutionStore } from '../../core/mcp/execution.ts';
import { copy } from './memory-tables.ts';

type StoredExecution = {
  execution: Execution;
  request: string;
  answers: Map<string, string>;
  events: Map<number, ExecutionEvent>;
};

export function memoryExecutionStore(): ExecutionStore {
  const executions = new Map<string, StoredExecution>();
  const cancellations = new Map<string, Cancellation>();
  const cancellationKey = (...key: unknown[]) => JSON.stringify(key);
  const keyOf = ({ grant, id }: Pick<Execution, 'grant' | 'id'>) => `${grant}\n${id}`;
  const notEnded = (execution: Execution) => {
    const stored = executions.get(keyOf(execution));
    return stored?.execution.status === 'cancelled' ? undefined : stored;
  };
  return {
    async createExecution(execution, request) {
      const stored = { execution: copy(execution), request, answers: new Map(), events: new Map() };
      executions.set(keyOf(execution), stored);
    },
    async findExecution(grant, id) {
      return copy(executions.get(keyOf({ grant, id }))?.execution);
    },
    async addCancellation(cancellation) {
      const { grant, session, request } = cancellation;
      cancellations.set(cancellationKey(grant, session, request), copy(cancellation));
    },
    async cancellationsOf({ grant, session, requests }) {
      return copy(requests.flatMap((request) => cancellations.get(cancellationKey(grant, session, request)) ?? []));
    },
    async executionsOf(grant) {
      const all = [...executions.values()].map(({ execution }) => execution);
      return copy(all.filter((execution) => execution.grant === grant));
    },
    async saveExecution(execution) {
      const found = executions.get(keyOf(execution));
      if (!found) return false;
      const { version, mark } = found.execution;
      if (version !== execution.version - 1 && mark !== execution.mark) return false;
      found.execution = copy(execution);
      return true;
    },
    async loadRequest(execution) {
      const { request, answers } = executions.get(keyOf(execution))!;
      return { request, answers: new Map(answers) };
    },
    async addAnswer(execution, name, text) {
      notEnded(execution)?.answers.set(name, text);
    },
    async addEvents(execution, events) {
      for (const event of copy(events)) notEnded(execution)?.events.set(event.number, event);
    },
    async eventsAfter(execution, number) {
      const events = executions.get(keyOf(execution))?.events.values() ?? [];
      const after = [...events].filter((event) => event.number > number);
      return copy(after.toSorted((a, b) => a.number - b.number));
    },
  };
}
