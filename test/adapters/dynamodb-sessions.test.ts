import { type TableClient, TableError } from '../../lambda/adapters/dynamodb/client/table-client.ts';
import { dynamoSessionStore } from '../../lambda/adapters/dynamodb/session-store.ts';
import type { Session } from '../../lambda/core/sessions/session.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';

/** Errors of DynamoDB under contention, which no local DynamoDB returns. */

const session: Session = {
  id: 'a-session',
  grant: 'a-grant',
  user: 'ada',
  era: 'legacy',
  startedAt: 1,
  lastSeenAt: 1,
  expiresAt: 2,
};

/** The store of a table that cancels every transaction for these reasons. */
function cancelling(...reasons: string[]) {
  const transactWrite = async () => {
    throw new TableError({ name: 'TransactionCanceledException', message: '', status: 400, reasons });
  };
  return dynamoSessionStore({ client: { transactWrite } as unknown as TableClient, name: 'Table' });
}

describe.each(['renew', 'adoptImported'] as const)('%s of a session by two concurrent requests', (verb) => {
  const write = (store: ReturnType<typeof cancelling>) =>
    verb === 'renew' ? store.renew(session, 'stale', 1) : store.adoptImported(session, 'imported', 1);

  test('returns false to the second', async () => {
    expect(await write(cancelling('TransactionConflict', 'None'))).toBe(false);
    expect(await write(cancelling('ConditionalCheckFailed', 'None'))).toBe(false);
  });

  test('reports an unavailable table to the second', async () => {
    await expect(write(cancelling('ThrottlingError', 'None'))).rejects.toBeInstanceOf(ServiceUnavailableError);
  });
});
