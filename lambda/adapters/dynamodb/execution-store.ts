import type { Execution, ExecutionEvent, ExecutionStore } from '../../core/mcp/execution.ts';
import { bytes } from '../../core/support/crypto.ts';
import { callTable, partition, succeeded, type TableConnection, toDomain } from './table-connection.ts';

/** Bytes of a text in one item: DynamoDB takes 400 KB, names and numbers included. Longer ones are cut into parts. */
const LARGEST_PART = 350 * 1024;

/** Each kind of text has a letter of its own, so that one range of sort keys holds all of a kind. */
const REQUEST = 'B';
const answerKey = (name: string) => `A#${name}`;
/** Events that are stored together are found by the last of them. */
const eventsKey = (last: number) => `E#${String(last).padStart(9, '0')}`;
const AFTER_EVENTS = 'F';
/** Sorts behind every part of the text before it. */
const BEHIND_PARTS = '~';

/** Stored values stay as first written. */
const storedStatus = {
  running: 'running',
  'input-required': 'asking',
  done: 'done',
  cancelled: 'cancelled',
} as const satisfies Record<Execution['status'], string>;

function executionIn(item: Record<string, unknown>): Execution {
  const { status, ...rest } = toDomain<Omit<Execution, 'status'> & { status: string }>(item);
  return {
    ...rest,
    status: status === storedStatus['input-required'] ? 'input-required' : (status as Execution['status']),
  };
}

const THE_VERSION_BEFORE_OR_THIS_WRITE = 'version = :before OR mark = :mark';

type TextItem = { sk: string; text: Uint8Array; parts: number };

export function dynamoExecutionStore({ client: dynamodb, name: TableName }: TableConnection): ExecutionStore {
  const itemOf = (execution: Execution) => ({
    pk: partition.executions(execution.grant),
    sk: execution.id,
    type: 'run',
    ...execution,
    status: storedStatus[execution.status],
    ttl: execution.expiresAt,
  });

  /**
   * The parts of a text are written in any order; a text whose parts are not all there is not there. What is left of a
   * longer text under the same name is told by its number of parts.
   */
  async function putText(run: Execution, name: string, text: string): Promise<void> {
    const data = bytes(text);
    const count = Math.max(1, Math.ceil(data.length / LARGEST_PART));
    const parts = Array.from({ length: count }, (_, part) => ({
      pk: partition.executionTexts(run.grant, run.id),
      sk: `${name}#${String(part).padStart(3, '0')}`,
      type: 'run-text',
      text: data.subarray(part * LARGEST_PART, (part + 1) * LARGEST_PART),
      parts: count,
      ttl: run.expiresAt,
    }));
    await Promise.all(parts.map((Item) => callTable(dynamodb.put({ TableName, Item }))));
  }

  /** All items of a partition, or those whose sort keys are in the range. */
  async function query(pk: string, range?: [from: string, to: string]): Promise<Record<string, unknown>[]> {
    const items: Record<string, unknown>[] = [];
    let ExclusiveStartKey: Record<string, unknown> | undefined;
    do {
      const page = await callTable(
        dynamodb.query({
          TableName,
          KeyConditionExpression: range ? 'pk = :pk AND sk BETWEEN :from AND :to' : 'pk = :pk',
          ExpressionAttributeValues: { ':pk': pk, ...(range && { ':from': range[0], ':to': range[1] }) },
          ConsistentRead: true,
          ExclusiveStartKey,
        }),
      );
      items.push(...(page.Items ?? []));
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey);
    return items;
  }

  /** The texts whose names are in the range, by name. */
  async function texts(run: Execution, from: string, to: string): Promise<Map<string, string>> {
    const items = (await query(partition.executionTexts(run.grant, run.id), [from, to])) as TextItem[];
    const byName = Map.groupBy(items, ({ sk }) => sk.slice(0, sk.lastIndexOf('#')));
    return new Map(
      [...byName]
        .map(([name, found]) => [name, found.filter(({ parts }) => parts === found[0]!.parts)] as const)
        .filter(([, parts]) => parts.length === parts[0]!.parts)
        .map(([name, parts]) => [name, new TextDecoder().decode(Buffer.concat(parts.map(({ text }) => text)))]),
    );
  }

  return {
    async createExecution(run, request) {
      await putText(run, REQUEST, request);
      await callTable(dynamodb.put({ TableName, Item: itemOf(run) }));
    },

    async findExecution(grant, id) {
      const Key = { pk: partition.executions(grant), sk: id };
      const { Item } = await callTable(dynamodb.get({ TableName, Key, ConsistentRead: true }));
      return Item && executionIn(Item);
    },

    async executionsOf(grant) {
      return (await query(partition.executions(grant))).map(executionIn);
    },

    saveExecution: (run) =>
      succeeded(
        dynamodb.put({
          TableName,
          Item: itemOf(run),
          ConditionExpression: THE_VERSION_BEFORE_OR_THIS_WRITE,
          ExpressionAttributeValues: { ':before': run.version - 1, ':mark': run.mark },
        }),
      ),

    async loadRequest(run) {
      const found = await texts(run, 'A', `${REQUEST}${BEHIND_PARTS}`);
      const request = found.get(REQUEST);
      if (request === undefined) throw new Error(`The request of run ${run.id} is not in the table`);
      found.delete(REQUEST);
      return { request, answers: new Map([...found].map(([name, text]) => [name.slice(answerKey('').length), text])) };
    },

    addAnswer: (run, name, text) => putText(run, answerKey(name), text),

    async addEvents(run, events) {
      await putText(run, eventsKey(events.at(-1)!.number), JSON.stringify(events));
    },

    async eventsAfter(run, number) {
      const found = await texts(run, eventsKey(number + 1), AFTER_EVENTS);
      const events = [...found.values()].flatMap((text) => JSON.parse(text) as ExecutionEvent[]);
      const byNumber = new Map(events.map((event) => [event.number, event]));
      return [...byNumber.values()].filter((event) => event.number > number).toSorted((a, b) => a.number - b.number);
    },
  };
}
