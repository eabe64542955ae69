import type { Cancellation, Execution, ExecutionEvent, ExecutionStore } from '../../core/mcp/execution.ts';
import { bytes } from '../../core/support/crypto.ts';
import * as itemType from '../../shared/item-types.ts';
import { callTable, partition, succeeded, type TableConnection, toDomain, writeOnce } from './table-connection.ts';

/** Bytes of one item, of DynamoDB's 400 KB. Longer requests, answers and events are split into parts. */
const LARGEST_PART = 350 * 1024;
/** Parts in one transaction, of DynamoDB's 4 MB. */
const PARTS_AT_ONCE = 10;

/** The first letter is the kind, so that one range of sort keys holds all of a kind. */
const REQUEST = 'B';
const answerKey = (name: string) => `A#${name}`;
/** Events that are stored together are named by the last of them. */
const eventsKey = (last: number) => `E#${String(last).padStart(9, '0')}`;
const AFTER_EVENTS = 'F';
/** Sorts after every part of the text whose name it follows. */
const AFTER_PARTS = '~';

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

/** The mark admits a write that the client repeats because its response was lost. */
const PREVIOUS_VERSION_OR_SAME_WRITE = 'version = :before OR mark = :mark';

/** After the erasure of its user, no item leads to what is stored beside an execution. */
const NOT_ENDED_FROM_OUTSIDE = 'attribute_exists(pk) AND #status <> :cancelled';

/** A session id contains no space; numbers and texts are different ids. At most 900 bytes of the 1024 of a sort key. */
const cancellationKey = (session: string, request: unknown) => `C#${session} ${typeof request}#${request}`;

type TextItem = { sk: string; text: Uint8Array; parts: number };

export function dynamoExecutionStore(table: TableConnection): ExecutionStore {
  const { client: dynamodb, name: TableName } = table;
  const executionItem = (execution: Execution) => ({
    pk: partition.executions(execution.grant),
    sk: execution.id,
    type: itemType.execution,
    ...execution,
    status: storedStatus[execution.status],
    ttl: execution.expiresAt,
  });

  /**
   * The items of one request, answer or group of events, which is stored when all of them are. Each states the number of
   * parts, which tells it from a leftover of a longer one of the same name.
   */
  function partsOf(execution: Execution, name: string, text: string) {
    const data = bytes(text);
    const count = Math.max(1, Math.ceil(data.length / LARGEST_PART));
    return Array.from({ length: count }, (_, part) => ({
      pk: partition.executionTexts(execution.grant, execution.id),
      sk: `${name}#${String(part).padStart(3, '0')}`,
      type: itemType.executionText,
      text: data.subarray(part * LARGEST_PART, (part + 1) * LARGEST_PART),
      parts: count,
      ttl: execution.expiresAt,
    }));
  }

  /** Stores an answer or events beside an execution, unless that is cancelled or deleted. */
  async function addText(execution: Execution, name: string, text: string): Promise<void> {
    const check = {
      ConditionCheck: {
        TableName,
        Key: { pk: partition.executions(execution.grant), sk: execution.id },
        ConditionExpression: NOT_ENDED_FROM_OUTSIDE,
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':cancelled': storedStatus.cancelled },
      },
    };
    const parts = partsOf(execution, name, text);
    for (let index = 0; index < parts.length; index += PARTS_AT_ONCE) {
      const puts = parts.slice(index, index + PARTS_AT_ONCE).map((Item) => ({ Put: { TableName, Item } }));
      if (!(await writeOnce(table, check, ...puts))) return;
    }
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

  /** Complete entries whose names are in the range, by name. */
  async function loadTexts(execution: Execution, from: string, to: string): Promise<Map<string, string>> {
    const items = (await query(partition.executionTexts(execution.grant, execution.id), [from, to])) as TextItem[];
    const byName = Map.groupBy(items, ({ sk }) => sk.slice(0, sk.lastIndexOf('#')));
    return new Map(
      [...byName]
        .map(([name, found]) => [name, found.filter(({ parts }) => parts === found[0]!.parts)] as const)
        .filter(([, parts]) => parts.length === parts[0]!.parts)
        .map(([name, parts]) => [name, new TextDecoder().decode(Buffer.concat(parts.map(({ text }) => text)))]),
    );
  }

  return {
    async createExecution(execution, request) {
      const parts = partsOf(execution, REQUEST, request);
      await Promise.all(parts.map((Item) => callTable(dynamodb.put({ TableName, Item }))));
      await callTable(dynamodb.put({ TableName, Item: executionItem(execution) }));
    },

    async findExecution(grant, id) {
      const Key = { pk: partition.executions(grant), sk: id };
      const { Item } = await callTable(dynamodb.get({ TableName, Key, ConsistentRead: true }));
      return Item && executionIn(Item);
    },

    async addCancellation(cancellation) {
      const { grant, session, request, expiresAt } = cancellation;
      const key = { pk: partition.requestMarks(grant), sk: cancellationKey(session, request) };
      const Item = { ...key, type: itemType.cancellation, ...cancellation, ttl: expiresAt };
      await callTable(dynamodb.put({ TableName, Item }));
    },

    async cancellationsOf({ grant, session, requests }) {
      const found = await Promise.all(
        requests.map((request) => {
          const Key = { pk: partition.requestMarks(grant), sk: cancellationKey(session, request) };
          return callTable(dynamodb.get({ TableName, Key, ConsistentRead: true }));
        }),
      );
      return found.flatMap(({ Item }) => (Item ? [toDomain<Cancellation>(Item)] : []));
    },

    async executionsOf(grant) {
      return (await query(partition.executions(grant))).map(executionIn);
    },

    saveExecution: (execution) =>
      succeeded(
        dynamodb.put({
          TableName,
          Item: executionItem(execution),
          ConditionExpression: PREVIOUS_VERSION_OR_SAME_WRITE,
          ExpressionAttributeValues: { ':before': execution.version - 1, ':mark': execution.mark },
        }),
      ),

    async loadRequest(execution) {
      const found = await loadTexts(execution, 'A', `${REQUEST}${AFTER_PARTS}`);
      const request = found.get(REQUEST);
      if (request === undefined) throw new Error(`The request of execution ${execution.id} is not in the table`);
      found.delete(REQUEST);
      return { request, answers: new Map([...found].map(([name, text]) => [name.slice(answerKey('').length), text])) };
    },

    addAnswer: (execution, name, text) => addText(execution, answerKey(name), text),

    async addEvents(execution, events) {
      await addText(execution, eventsKey(events.at(-1)!.number), JSON.stringify(events));
    },

    async eventsAfter(execution, number) {
      const found = await loadTexts(execution, eventsKey(number + 1), AFTER_EVENTS);
      const events = [...found.values()].flatMap((text) => JSON.parse(text) as ExecutionEvent[]);
      const byNumber = new Map(events.map((event) => [event.number, event]));
      return [...byNumber.values()].filter((event) => event.number > number).toSorted((a, b) => a.number - b.number);
    },
  };
}
