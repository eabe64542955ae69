/**
 * The insides of dynalite 4.0.0 that `dynamodb-engine.ts` drives. They are not its public interface: the version is
 * pinned exactly, and the tests of `dynamodb.ts` run all of them.
 */
declare module 'dynalite/db/index.js' {
  type Item = import('./dynamodb-store.ts').Item;
  type TableDefinition = import('./dynamodb-store.ts').TableDefinition;
  type DynaliteError = Error & { statusCode: number; body: { __type: string; message?: string; Message?: string } };
  const db: {
    createKey(item: Item, table: TableDefinition): string;
    validateItem(item: Item, table: TableDefinition): DynaliteError | null | undefined;
    validateKey(key: Item, table: TableDefinition): DynaliteError | null | undefined;
    checkConditional(data: object, item: Item | undefined): DynaliteError | null | undefined;
    getIndexActions(
      indexes: NonNullable<TableDefinition['GlobalSecondaryIndexes']>,
      existing: Item | undefined | null,
      item: Item | undefined | null,
      table: TableDefinition,
    ): { puts: { index: string; key: string; item: Item }[]; deletes: { index: string; key: string }[] };
    create(options: { path: string }): {
      db: {
        open(): Promise<void>;
        batch(
          operations: ({ type: 'put'; key: string; value: unknown } | { type: 'del'; key: string })[],
        ): Promise<void>;
        iterator(): AsyncIterable<[string, unknown]>;
        close(): Promise<void>;
      };
    };
  };
  export default db;
}

declare module 'dynalite/validations/index.js' {
  const validations: {
    checkTypes(data: object, types: object): Record<string, unknown>;
    checkValidations(data: object, types: object, custom: unknown, store: object): void;
  };
  export default validations;
}

declare module 'dynalite/validations/*.js' {
  const rules: { types: object; custom?: unknown };
  export default rules;
}

declare module 'dynalite/actions/*.js' {
  const action: (store: object, data: object, callback: (error: Error | null, answer?: object) => void) => void;
  export default action;
}
