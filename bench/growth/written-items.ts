import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Table } from '../../lambda/adapters/dynamodb/table.ts';

/** What a write of one item says, or a part of a transaction. */
export type Written = {
  Item?: Record<string, unknown>;
  Key?: Record<string, unknown>;
  UpdateExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Record<string, unknown>;
};
type Input = Written & { TransactItems?: { Put?: Written; Update?: Written }[] };

/** A table that takes every write down and keeps nothing: what the adapters write is what items look like. */
export class Draft {
  readonly table: Table;
  #written: Written[] = [];

  constructor(name: string) {
    const send = async ({ input }: { input: Input }) => {
      const parts = input.TransactItems?.map(({ Put, Update }) => Put ?? Update ?? {});
      this.#written.push(...(parts ?? [input]));
      return {};
    };
    this.table = { name, client: { send } as unknown as DynamoDBDocumentClient };
  }

  /** What has been written since the last time, in order. */
  take(): Written[] {
    const written = this.#written;
    this.#written = [];
    return written;
  }
}
