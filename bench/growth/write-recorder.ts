import type { TableClient, TransactWriteInput } from '../../lambda/adapters/dynamodb/table-client.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';

/** The input of a write, or of one action of a transaction. */
export type Written = {
  Item?: Record<string, unknown>;
  Key?: Record<string, unknown>;
  UpdateExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Record<string, unknown>;
};

/** A table that records writes: the adapters define the items. */
export class WriteRecorder {
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

  /** The writes since the last call, in order. */
  take(): Written[] {
    const written = this.#written;
    this.#written = [];
    return written;
  }
}
