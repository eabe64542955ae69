import type { Directory, ListedGrant, ListedPage, ListOptions, User } from '../../core/admin/directory.ts';
import { CURRENT, formerName, type Session } from '../../core/sessions/session.ts';
import { byUserPrefix, shards } from '../../shared/table-keys.ts';
import { readItems } from './batch-read.ts';
import { queryItems, type StoredItem, takeItems } from './paged-query.ts';
import { callTable, partition, recentPartition, SINGLE, type TableConnection, toDomain } from './table-connection.ts';

export function dynamoDirectory(table: TableConnection): Directory {
  const { client: dynamodb, name: TableName } = table;

  /** Items of one user by kind. `after` is the sort key of the last item of the page before. */
  async function ofUser<T>(
    user: string,
    kind: 'grants' | 'sessions',
    { limit, after }: ListOptions,
  ): Promise<ListedPage<T>> {
    const prefix = byUserPrefix[kind];
    // `after` comes from the request: a sort key of another kind has no items of this kind after it.
    if (after !== undefined && !after.startsWith(prefix)) return { items: [] };
    const items = queryItems(
      table,
      {
        IndexName: 'byUser',
        KeyConditionExpression: 'gsi1pk = :user AND gsi1sk BETWEEN :first AND :last',
        ExpressionAttributeValues: {
          ':user': partition.byUser(user),
          ':first': prefix,
          ':last': after ?? `${prefix}\uffff`,
        },
        ScanIndexForward: false,
      },
      limit + 2,
    );
    const found = await takeItems(items, limit + 1, ({ gsi1sk }) => gsi1sk !== after);
    return listed(found, limit, 'gsi1sk');
  }

  /** Items of all users, from every partition of a list. */
  async function recent<T>(list: keyof typeof recentPartition, { limit, after }: ListOptions): Promise<ListedPage<T>> {
    const found = await Promise.all(
      Array.from({ length: shards[list] }, (_, shard) =>
        takeItems(
          queryItems(
            table,
            {
              IndexName: 'recent',
              KeyConditionExpression: `gsi2pk = :pk${after === undefined ? '' : ' AND gsi2sk < :after'}`,
              ExpressionAttributeValues: {
                ':pk': recentPartition[list](shard),
                ...(after !== undefined && { ':after': after }),
              },
              ScanIndexForward: false,
            },
            limit + 1,
          ),
          limit + 1,
        ),
      ),
    );
    return listed(
      found.flat().toSorted((a, b) => (String(a.gsi2sk) < String(b.gsi2sk) ? 1 : -1)),
      limit,
      'gsi2sk',
    );
  }

  async function batch<T>(keys: string[]): Promise<T[]> {
    if (keys.length === 0) return [];
    const distinct = [...new Set(keys)].map((pk) => ({ pk, sk: SINGLE }));
    return (await readItems(table, distinct, { consistent: false })).map((item) => toDomain<T>(item));
  }

  return {
    sessionsOf: (user, options) => ofUser<Session>(user, 'sessions', options),
    recentSessions: (options) => recent<Session>('sessions', options),
    grantsOf: (user, options) => ofUser<ListedGrant>(user, 'grants', options),
    recentGrants: (options) => recent<ListedGrant>('grants', options),
    recentUsers: (options) => recent<User>('users', options),
    grants: (ids) => batch<ListedGrant>(ids.map(partition.grant)),
    users: (keys) => batch<User>(keys.map(partition.user)),

    async session(grant, id, era) {
      const names = era === 'modern' ? [CURRENT, formerName({ id })] : [id];
      for (const sk of names) {
        const Key = { pk: partition.sessions(grant), sk };
        const { Item } = await callTable(dynamodb.get({ TableName, Key }));
        if (Item?.id === id) return toDomain<Session>(Item);
      }
      return undefined;
    },
  };
}

function listed<T>(found: StoredItem[], limit: number, name: string): ListedPage<T> {
  const page = found.slice(0, limit);
  return {
    items: page.map((item) => toDomain<T>(item)),
    ...(found.length > limit && { next: String(page.at(-1)![name]) }),
  };
}
