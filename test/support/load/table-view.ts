import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, paginateScan, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { systemClock } from '../../../lambda/adapters/system-clock.ts';
import { epochSeconds } from '../../../lambda/core/support/clock.ts';
import { hold } from '../../load/load-claims.ts';
import type { Cloud } from '../test-cloud.ts';
import type { Book } from './load-ledger.ts';

/** The owner's view of the table. */
export class TableView {
  readonly #name: string;
  readonly #client: DynamoDBDocumentClient;

  constructor({ dynamoDb: { endpoint, accessKeyId } }: Cloud, name: string) {
    const credentials = { accessKeyId, secretAccessKey: 'unused' };
    this.#name = name;
    this.#client = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, credentials, region: 'us-east-1' }));
  }

  /** Lets time pass for one session. */
  async expire({ owner, id }: Book): Promise<void> {
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
   * Compares what stands in the table with what the clients know.
   *
   * @param live those of the books whose sessions have neither expired nor been ended
   */
  async *audit(books: Book[], live: Set<Book>): AsyncGenerator<() => void> {
    const sessions = new Map<string, Record<string, unknown>>();
    const calls = new Map<string, Record<string, unknown>>();
    for await (const { Items = [] } of paginateScan({ client: this.#client }, { TableName: this.#name })) {
      for (const item of Items) {
        if (item.type === 'session') sessions.set(item.id, item);
        if (item.type === 'state' && item.key.startsWith('calls/')) calls.set(item.key.slice('calls/'.length), item);
      }
    }
    for (const book of books) {
      const [session, recorded] = [sessions.get(book.id!), calls.get(book.id!)];
      calls.delete(book.id!);
      yield () => book.audit(recorded?.value as string[] | undefined);
      if (!live.has(book)) continue;
      yield () => {
        hold('sessions', session !== undefined, () => `${book.id} is no longer in the table`);
        hold('sessions', session.endedAt === undefined, () => `${book.id} was ended by nobody`);
        hold('own', session.pk === `S#${book.owner.grant}`, () => `${book.id} stands under ${session.pk}`);
        hold('own', recorded?.pk === `N#${session.user}`, () => `the calls of ${book.id} stand under ${recorded?.pk}`);
      };
    }
    yield () => hold('own', calls.size === 0, () => `calls of sessions that nobody knows: ${[...calls.keys()]}`);
  }
}
