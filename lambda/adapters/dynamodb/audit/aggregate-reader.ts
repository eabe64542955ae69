import type {
  AggregatePeriod,
  AggregateReader,
  AggregateRow,
  Aggregates,
  CallSpan,
  Period,
  Step,
  UserCalls,
} from '../../../core/audit/aggregates.ts';
import { steps } from '../../../core/audit/aggregates.ts';
import type { ErrorAggregates, ErrorGroup } from '../../../core/audit/error-groups.ts';
import type { Sample } from '../../../core/audit/samples.ts';
import * as itemType from '../../../shared/item-types.ts';
import { queryItems } from '../paged-query.ts';
import { partition, type TableConnection } from '../table-connection.ts';
import { readProgress } from './call-progress.ts';

/** Time span of a partition, in milliseconds: about what one chart reads. */
const partitionSpan: Record<Step, number> = { minutes: steps.day, hour: 32 * steps.day, day: 1024 * steps.day };

const timeName = (at: number) => String(at).padStart(15, '0');

type Kind = '' | 'errors-';

const keyOf = (step: Step, at: number, kind: Kind = '') => ({
  pk: partition.aggregates(`${kind}${step}#${Math.floor(at / partitionSpan[step])}`),
  sk: timeName(at),
});

export function dynamoAggregateReader(table: TableConnection): AggregateReader {
  async function load<T>(kind: Kind, step: Step, from: number, to: number, read: (text: string) => T) {
    const periods: Period<T>[] = [];
    const span = partitionSpan[step];
    for (let start = from; start < to; start = (Math.floor(start / span) + 1) * span) {
      const items = queryItems(table, {
        KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :last',
        ExpressionAttributeValues: {
          ':pk': keyOf(step, start, kind).pk,
          ':from': timeName(start),
          ':last': timeName(to - 1),
        },
      });
      for await (const { sk, statistics } of items) {
        periods.push({ at: Number(sk), aggregates: read(String(statistics)) });
      }
    }
    return periods;
  }

  return {
    load: (step, from, to) => load('', step, from, to, deserialize),

    loadErrors: (step, from, to) => load('errors-', step, from, to, deserializeErrors),

    countedUntil: () => readProgress(table, 'progress'),
  };
}

export const aggregateItem = (step: Step, { at, aggregates }: AggregatePeriod, ttl: number) => ({
  ...keyOf(step, at),
  type: itemType.aggregates,
  statistics: serialize(aggregates),
  ttl,
});

export const errorItem = (step: Step, { at, aggregates }: Period<ErrorAggregates>, ttl: number) => ({
  ...keyOf(step, at, 'errors-'),
  type: itemType.errorAggregates,
  statistics: serializeErrors(aggregates),
  ttl,
});

/** Tuples instead of objects: DynamoDB bills by the size of an item. */
type SerializedAggregates = {
  rows: [
    client: string,
    tool: string,
    outcome: AggregateRow['outcome'],
    calls: number,
    durations: AggregateRow['durations'],
    clientInfo?: string,
  ][];
  /** A list in items of earlier versions. */
  users: Sample<UserCalls> | string[];
  sessions: Sample<CallSpan>;
};

function serialize({ rows, users, sessions }: Aggregates): string {
  return JSON.stringify({
    rows: rows.map(({ client, tool, outcome, calls, durations, clientInfo }) =>
      clientInfo === undefined
        ? [client, tool, outcome, calls, durations]
        : [client, tool, outcome, calls, durations, clientInfo],
    ),
    users,
    sessions,
  } satisfies SerializedAggregates);
}

const serializeErrors = ({ groups, calls }: ErrorAggregates): string =>
  JSON.stringify({ groups: groups.map(({ users, ...group }) => ({ ...group, users: Object.keys(users) })), calls });

function deserializeErrors(text: string): ErrorAggregates {
  type Serialized = Pick<ErrorAggregates, 'calls'> & { groups: (Omit<ErrorGroup, 'users'> & { users: string[] })[] };
  const { groups, calls } = JSON.parse(text) as Serialized;
  return {
    groups: groups.map(({ users, ...group }) => ({
      ...group,
      users: Object.fromEntries(users.map((user) => [user, null])),
    })),
    ...(calls && { calls }),
  };
}

function deserialize(text: string): Aggregates {
  const { rows, users, sessions } = JSON.parse(text) as SerializedAggregates;
  return {
    rows: rows.map(([client, tool, outcome, calls, durations, clientInfo]) => ({
      ...{ client, tool, outcome, calls, durations },
      ...(clientInfo !== undefined && { clientInfo }),
    })),
    users: Array.isArray(users) ? Object.fromEntries(users.map((user) => [user, null])) : users,
    sessions,
  };
}
