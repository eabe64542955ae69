import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, paginateScan, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import { epochSeconds } from '../../lambda/core/support/clock.ts';
import type { EmulatorProcess } from '../harness/emulator-process.ts';
import { assertGuarantee } from './load-guarantees.ts';
import type { SessionLedger } from './load-ledger.ts';

/** The operator's view of the table. */
export class TableView {
  readonly #name: string;
  readonly #client: DynamoDBDocumentClient;

  constructor({ dynamoDb: { endpoint, accessKeyId } }: EmulatorProcess, name: string) {
    const credentials = { accessKeyId, secretAccessKey: 'unused' };
    this.#name = name;
    this.#client = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, credentials, region: 'us-east-1' }));
  }

  /** Expires a session. */
  async expire({ owner, id }: SessionLedger): Promise<void> {
    await this.#client.send(
      new UpdateCommand({
        TableName: this.#name,
        Key: { pk: `S#${owner.grant}`, sk: id },
        UpdateExpression: 'SET expiresAt = :past',
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeValues: { ':past': epochSeconds(systemClock) - 1 },
      }),
    );
  }

  /**
   * Compares the table with the ledgers. Yields one check for each finding, so that one violation does not hide others.
   *
   * @param live the ledgers of sessions that have neither expired nor been deleted
   */
  async *audit(ledgers: SessionLedger[], live: Set<SessionLedger>): AsyncGenerator<() => void> {
    const sessions = new Map<string, Record<string, unknown>>();
    const calls = new Map<string, Record<string, unknown>>();
    for await (const { Items = [] } of paginateScan({ client: this.#client }, { TableName: this.#name })) {
      for (const item of Items) {
        if (item.type === 'session') sessions.set(item.id, item);
        if (item.type === 'state' && item.key.startsWith('calls/')) calls.set(item.key.slice('calls/'.length), item);
      }
    }
    for (const ledger of ledgers) {
      const [session, stored] = [sessions.get(ledger.id!), calls.get(ledger.id!)];
      calls.delete(ledger.id!);
      yield () => ledger.audit(stored?.value as string[] | undefined);
      if (!live.has(ledger)) continue;
      yield () => {
        const { id, owner } = ledger;
        assertGuarantee('sessions', session !== undefined, () => `${id} is not in the table`);
        assertGuarantee('sessions', session.endedAt === undefined, () => `${id} has ended without a request`);
        assertGuarantee('isolation', session.pk === `S#${owner.grant}`, () => `${id} has the key ${session.pk}`);
        const isOfUser = stored?.pk === `N#${session.user}`;
        assertGuarantee('isolation', isOfUser, () => `the calls of ${id} have the key ${stored?.pk}`);
      };
    }
    yield () => {
      const unknown = [...calls.keys()];
      assertGuarantee('isolation', unknown.length === 0, () => `there are calls of unknown sessions: ${unknown}`);
    };
  }
}
