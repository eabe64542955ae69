import type { AggregateKind, AggregateKinds, AggregateReader } from '../../../core/audit/aggregate-kinds.ts';
import type {
  AggregateRow,
  Aggregates,
  AnswerSizes,
  CallSpan,
  Period,
  Step,
  UserCalls,
} from '../../../core/audit/aggregates.ts';
import { steps } from '../../../core/audit/aggregates.ts';
import type { ErrorAggregates, ErrorGroup } from '../../../core/audit/error-groups.ts';
import type { RareCalls } from '../../../core/audit/rare-calls.ts';
import type { Sample } from '../../../core/audit/samples.ts';
import type { UsageAggregates } from '../../../core/audit/usage-aggregates.ts';
import * as itemType from '../../../shared/item-types.ts';
import { queryItems } from '../paged-query.ts';
import { partition, type TableConnection } from '../table-connection.ts';
import { readProgress } from './call-progress.ts';

/** Time span of a partition, in milliseconds: about what one chart reads. */
const partitionSpan: Record<Step, number> = { minutes: steps.day, hour: 32 * steps.day, day: 1024 * steps.day };

const timeName = (at: number) => String(at).padStart(15, '0');

/** How a kind of aggregates is stored. */
type Format<T> = {
  /** Of its name in the key. */
  prefix: string;
  type: string;
  serialize: (aggregates: T) => string;
  deserialize: (text: string) => T;
};

const formats: { [Kind in AggregateKind]: Format<AggregateKinds[Kind]> } = {
  calls: { prefix: '', type: itemType.aggregates, serialize, deserialize },
  errors: {
    prefix: 'errors-',
    type: itemType.errorAggregates,
    serialize: serializeErrors,
    deserialize: deserializeErrors,
  },
  usage: { prefix: 'usage-', type: itemType.usageAggregates, serialize: serializeUsage, deserialize: deserializeUsage },
  rare: { prefix: 'rare-', type: itemType.rareCalls, serialize: serializeRare, deserialize: deserializeRare },
};

const keyOf = (kind: AggregateKind, step: Step, at: number) => ({
  pk: partition.aggregates(`${formats[kind].prefix}${step}#${Math.floor(at / partitionSpan[step])}`),
  sk: timeName(at),
});

export function dynamoAggregateReader(table: TableConnection): AggregateReader {
  return {
    async load(kind, step, from, to) {
      const periods: Period<AggregateKinds[typeof kind]>[] = [];
      const span = partitionSpan[step];
      for (let start = from; start < to; start = (Math.floor(start / span) + 1) * span) {
        const items = queryItems(table, {
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :last',
          ExpressionAttributeValues: {
            ':pk': keyOf(kind, step, start).pk,
            ':from': timeName(start),
            ':last': timeName(to - 1),
          },
        });
        for await (const { sk, statistics } of items) {
          periods.push({ at: Number(sk), aggregates: formats[kind].deserialize(String(statistics)) });
        }
      }
      return periods;
    },

    countedUntil: () => readProgress(table, 'progress'),
  };
}

export const aggregateItem = <Kind extends AggregateKind>(
  kind: Kind,
  step: Step,
  { at, aggregates }: Period<AggregateKinds[Kind]>,
  ttl: number,
) => ({
  ...keyOf(kind, step, at),
  type: formats[kind].type,
  statistics: formats[kind].serialize(aggregates),
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
    /** Null in place of none, if a member follows. */
    clientInfo?: string | null,
    answers?: AnswerSizes,
  ][];
  /** A list in items of earlier versions. */
  users: Sample<UserCalls> | string[];
  sessions: Sample<CallSpan>;
};

function serialize({ rows, users, sessions }: Aggregates): string {
  return JSON.stringify({
    rows: rows.map(({ client, tool, outcome, calls, durations, clientInfo, answers }) => {
      const row = [client, tool, outcome, calls, durations] as const;
      if (answers) return [...row, clientInfo ?? null, answers];
      return clientInfo === undefined ? [...row] : [...row, clientInfo];
    }),
    users,
    sessions,
  } satisfies SerializedAggregates);
}

function serializeErrors({ groups, calls }: ErrorAggregates): string {
  return JSON.stringify({
    groups: groups.map(({ users, ...group }) => ({ ...group, users: Object.keys(users) })),
    calls,
  });
}

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
    rows: rows.map(([client, tool, outcome, calls, durations, clientInfo, answers]) => ({
      ...{ client, tool, outcome, calls, durations },
      ...(typeof clientInfo === 'string' && { clientInfo }),
      ...(answers && { answers }),
    })),
    users: Array.isArray(users) ? Object.fromEntries(users.map((user) => [user, null])) : users,
    sessions,
  };
}

type SerializedUsage = {
  users: [hash: string, calls: number, errors: number, session: string, call: string][];
  versions: [client: string, clientVersion: string, protocolVersion: string, calls: number][];
  pairs: [before: string, after: string, calls: number][];
};

function serializeUsage({ users, versions, pairs }: UsageAggregates): string {
  return JSON.stringify({
    users: users.map(({ hash, calls, errors, last }) => [hash, calls, errors, last.session, last.call]),
    versions: versions.map((row) => [row.client, row.clientVersion, row.protocolVersion, row.calls]),
    pairs: pairs.map(({ before, after, calls }) => [before, after, calls]),
  } satisfies SerializedUsage);
}

function deserializeUsage(text: string): UsageAggregates {
  const { users, versions, pairs } = JSON.parse(text) as SerializedUsage;
  return {
    users: users.map(([hash, calls, errors, session, call]) => ({ hash, calls, errors, last: { session, call } })),
    versions: versions.map(([client, clientVersion, protocolVersion, calls]) => ({
      ...{ client, clientVersion, protocolVersion, calls },
    })),
    pairs: pairs.map(([before, after, calls]) => ({ before, after, calls })),
  };
}

type SerializedRareCall = [
  tool: string,
  client: string,
  clientInfo: string,
  session: string,
  call: string,
  bucket: number,
];

function serializeRare({ calls }: RareCalls): string {
  return JSON.stringify(
    calls.map(
      (each): SerializedRareCall => [each.tool, each.client, each.clientInfo, each.session, each.call, each.bucket],
    ),
  );
}

function deserializeRare(text: string): RareCalls {
  return {
    calls: (JSON.parse(text) as SerializedRareCall[]).map(([tool, client, clientInfo, session, call, bucket]) => ({
      ...{ tool, client, clientInfo, session, call, bucket },
    })),
  };
}
