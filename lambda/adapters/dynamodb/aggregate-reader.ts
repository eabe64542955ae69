import type { Period, Row, Sample, Statistics, StatisticsReader, Step, Stretch } from '../../core/audit/aggregates.ts';
import { steps } from '../../core/audit/aggregates.ts';
import { queried } from './paged-query.ts';
import { ALONE, partition, reaching, type Table } from './table-connection.ts';

/** How much stands in one partition, in milliseconds: what is read together stands together. */
const partitionSpan: Record<Step, number> = { minutes: steps.day, hour: 32 * steps.day, day: 1024 * steps.day };

const progressKey = { pk: partition.statistics('progress'), sk: ALONE };

const timeName = (at: number) => String(at).padStart(15, '0');

const keyOf = (step: Step, at: number) => ({
  pk: partition.statistics(`${step}#${Math.floor(at / partitionSpan[step])}`),
  sk: timeName(at),
});

export function dynamoStatisticsReader(table: Table): StatisticsReader {
  const { client: dynamodb, name: TableName } = table;
  return {
    async load(step, from, to) {
      const periods: Period[] = [];
      const span = partitionSpan[step];
      for (let start = from; start < to; start = (Math.floor(start / span) + 1) * span) {
        const items = queried(table, {
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :last',
          ExpressionAttributeValues: {
            ':pk': keyOf(step, start).pk,
            ':from': timeName(start),
            ':last': timeName(to - 1),
          },
        });
        for await (const { sk, statistics } of items)
          periods.push({ at: Number(sk), statistics: read(String(statistics)) });
      }
      return periods;
    },

    async countedUntil() {
      const { Item } = await reaching(dynamodb.get({ TableName, Key: progressKey, ConsistentRead: true }));
      return Item?.countedUntil as number | undefined;
    },
  };
}

/** As an item, and back. */
export const statisticsItem = (step: Step, { at, statistics }: Period, ttl: number) => ({
  ...keyOf(step, at),
  type: 'statistics',
  statistics: written(statistics),
  ttl,
});

export const progressItem = (countedUntil: number) => ({ ...progressKey, type: 'statistics-progress', countedUntil });

/** As text, in which no name stands more often than it must: items are paid for by their size. */
type Written = {
  rows: [client: string, tool: string, outcome: Row['outcome'], calls: number, durations: Row['durations']][];
  users: string[];
  sessions: Sample<Stretch>;
};

function written({ rows, users, sessions }: Statistics): string {
  return JSON.stringify({
    rows: rows.map(({ client, tool, outcome, calls, durations }) => [client, tool, outcome, calls, durations]),
    users: Object.keys(users),
    sessions,
  } satisfies Written);
}

function read(text: string): Statistics {
  const { rows, users, sessions } = JSON.parse(text) as Written;
  return {
    rows: rows.map(([client, tool, outcome, calls, durations]) => ({ client, tool, outcome, calls, durations })),
    users: Object.fromEntries(users.map((user) => [user, null])),
    sessions,
  };
}
