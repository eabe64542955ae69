import type { TableClient, TransactWriteInput } from '../../lambda/adapters/dynamodb/table-client.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';

/** What a write of one item says, or a part of a transaction. */
export type Written = {
  Item?: Record<string, unknown>;
  Key?: Record<string, unknown>;
  UpdateExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Record<string, unknown>;
};

/** A table that takes every write down and keeps nothing: what the adapters write is what items look like. */
export class Draft {
  readonly table: TableConnection;
  #written: Written[] = [];

  constructor(name: string) {
    const write = async (input: Written) => {
      this.#written.push(input);
      return {};
    };
    const transactWrite = async ({ TransactItems = [] }: TransactWriteInput) => {
      this.#written.push(...TransactItems.map(({ Put, Update }) => Put ?? Update ?? {}));
    };
    this.table = { name, client: { put: write, update: write, transactWrite } as Partial<TableClient> as TableClient };
  }

  /** What has been written since the last time, in order. */
  take(): Written[] {
    const written = this.#written;
    this.#written = [];
    return written;
  }
}
