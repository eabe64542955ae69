import { type AwsEnvironment, defaultEnvironment } from '../aws-api/aws-environment.ts';
import { AwsError, type Json, unknownOperation } from '../aws-api/aws-error.ts';
import { type AwsJsonProtocol, type AwsJsonService, type AwsRequest, serveAwsJson } from '../aws-api/aws-json.ts';
import type { AccessRequest } from '../iam/iam-policy.ts';
import type { Principals } from '../iam/principals.ts';
import type { Item } from './attribute-value.ts';
import { accessOf, type LeadingKeysReading, transactionAccess } from './dynamodb-access.ts';
import { isDataOperation, type ParsedRequest, parse, perform } from './dynamodb-engine.ts';
import { removeExpired } from './dynamodb-expiry.ts';
import { Store } from './dynamodb-store.ts';
import { RequestTokens, transactGet, transactionParts, transactWrite } from './dynamodb-transactions.ts';
import { type TableDefinition, tableDefinition } from './table-definition.ts';

export type DynamoDbOptions = {
  /** Where the items are kept over restarts, a LevelDB; without it they are forgotten. */
  folder: string | undefined;
  principals: Principals;
  /** @default account 000000000000 in us-east-1 */
  environment?: AwsEnvironment;
  /** Epoch milliseconds; decides what has expired. */
  now?: () => number;
  /**
   * Checks that a caller may have the data of a table decrypted by its customer managed key. Throws `AccessDenied`.
   * @default - such keys are not checked
   */
  authorizeKey?(caller: AwsRequest['caller'], keyArn: string): void;
  /** Time between two removals of expired items, in milliseconds. */
  sweepMs?: number;
};

export type DynamoDb = AwsJsonService & {
  /**
   * Creates the table that `properties` (of AWS::DynamoDB::Table or AWS::DynamoDB::GlobalTable) describe. Items kept
   * under this name are there again, also when keys or indexes have changed since.
   *
   * @throws Error when kept items do not fit changed keys; AwsError ValidationException
   */
  createTable(properties: Json, tableName: string): Promise<void>;
  /** Reads `dynamodb:LeadingKeys` of transactions in another way, for tests. At the start it is `per-part`. */
  readLeadingKeys(reading: LeadingKeysReading): void;
  /** Calls the observer with each item that PutItem has written, once it is saved. */
  observePuts(observer: (item: Item) => void): void;
  /** Removes what has expired now, without waiting for the next turn. */
  sweep(): Promise<void>;
};

/** A table as its owner configured it. */
type Settings = {
  arn: string;
  timeToLive?: { AttributeName?: string; Enabled?: boolean };
  pointInTimeRecovery: boolean;
  deletionProtection: boolean;
  encryption?: { SSEType?: string; KMSMasterKeyId?: string };
  createdAt: number;
};

const protocol: AwsJsonProtocol = {
  target: 'DynamoDB_20120810',
  version: '1.0',
  namespace: 'com.amazonaws.dynamodb.v20120810',
};

/**
 * DynamoDB on 127.0.0.1: items, queries, transactions and durability, with expiry that really deletes, and with IAM in
 * front of every operation.
 *
 * Not here: legacy parameters that expressions replace, PartiQL, streams, tags, backups, changing tables over the wire
 * (the template does), consumed capacity of transactions, the 4 MB limit of a transaction.
 */
export async function startDynamoDb(options: DynamoDbOptions): Promise<DynamoDb> {
  const { folder, principals, environment = defaultEnvironment, now = Date.now, sweepMs = 1000 } = options;
  const store = await Store.open(folder);
  const settings = new Map<string, Settings>();
  const tokens = new RequestTokens(now);
  let leadingKeys: LeadingKeysReading = 'per-part';
  const observers: ((item: Item) => void)[] = [];

  async function sweep(): Promise<void> {
    for (const [tableName, { timeToLive }] of settings) {
      const table = store.definition(tableName);
      const attribute = timeToLive?.Enabled ? timeToLive.AttributeName : undefined;
      if (table && attribute) store.atomically(() => removeExpired(store, table, attribute, now()));
    }
    await store.save();
  }

  async function answer(request: AwsRequest): Promise<object> {
    const result = await decide(request);
    // Before the response, so that an acknowledged write is never lost.
    await store.save();
    if (request.operation === 'PutItem') for (const observer of observers) observer(request.input.Item as Item);
    return result;
  }

  function decide({ caller, operation, input }: AwsRequest): object {
    const accessesOf = (request: ParsedRequest) => accessOf(request, environment, (name) => store.definition(name));
    const authorize = (accesses: AccessRequest[]) => {
      for (const access of accesses) caller.authorize(access);
      for (const key of new Set(accesses.flatMap(keyOf))) options.authorizeKey?.(caller, key);
    };
    const authorizeAll = (parts: ParsedRequest[]) =>
      authorize(transactionAccess(parts.flatMap(accessesOf), leadingKeys));

    if (isDataOperation(operation) && operation !== 'ConditionCheckItem') {
      const request = parse(operation, input);
      authorize(accessesOf(request));
      return store.atomically(() => perform(store, request));
    }
    if (operation === 'TransactWriteItems') {
      const parts = transactionParts(input, ['ConditionCheck', 'Delete', 'Put', 'Update']);
      authorizeAll(parts);
      tokens.once(input, () => transactWrite(store, parts));
      return {};
    }
    if (operation === 'TransactGetItems') {
      const parts = transactionParts(input, ['Get']);
      authorizeAll(parts);
      return { Responses: transactGet(store, parts) };
    }

    return decideAdministration({ caller, operation, input });
  }

  /** The customer managed key of the table that is accessed. */
  function keyOf({ resource }: AccessRequest): string[] {
    const tableName = /:table\/([^/]+)/.exec(resource)?.[1] ?? '';
    const { KMSMasterKeyId: key } = settings.get(tableName)?.encryption ?? {};
    return key === undefined ? [] : [key];
  }

  function decideAdministration({ caller, operation, input }: AwsRequest): object {
    const tableName = String(input.TableName);
    const resource = operation === 'ListTables' ? '*' : environment.arn('dynamodb', `table/${tableName}`);
    caller.authorize({ action: `dynamodb:${operation}`, resource, context: {} });
    if (operation === 'ListTables') return { TableNames: [...settings.keys()].sort() };
    const administer = administration[operation];
    if (!administer) throw unknownOperation(operation);
    const table = store.definition(tableName);
    const configured = settings.get(tableName);
    if (!table || !configured) {
      throw new AwsError('ResourceNotFoundException', `Requested resource not found: Table: ${tableName} not found`);
    }
    return administer(table, configured, input, store);
  }

  const service = await serveAwsJson(protocol, principals, answer);
  const sweeper = setInterval(() => sweep().catch(console.error), sweepMs);

  return {
    ...service,
    sweep,
    readLeadingKeys(reading) {
      leadingKeys = reading;
    },
    observePuts(observer) {
      observers.push(observer);
    },
    async createTable(properties, tableName) {
      store.define(definitionOf(properties, tableName));
      settings.set(tableName, settingsOf(properties, environment.arn('dynamodb', `table/${tableName}`), now()));
      await store.save();
    },
    async close() {
      clearInterval(sweeper);
      await service.close();
      await store.close();
    },
  };
}

type Administration = (table: TableDefinition, settings: Settings, input: Json, store: Store) => object;

/** The operations on a table as a whole. */
const administration: Record<string, Administration> = {
  DescribeTable: (table, settings, _input, store) => ({ Table: describe(table, settings, store) }),

  DescribeTimeToLive: (_table, { timeToLive }) => ({
    TimeToLiveDescription: timeToLive?.Enabled
      ? { TimeToLiveStatus: 'ENABLED', AttributeName: timeToLive.AttributeName }
      : { TimeToLiveStatus: 'DISABLED' },
  }),

  /** Holds until the template is read again. */
  UpdateTimeToLive: (_table, settings, { TimeToLiveSpecification }) => {
    const wanted = TimeToLiveSpecification as Settings['timeToLive'];
    if (!wanted?.AttributeName || wanted.Enabled === undefined) {
      throw new AwsError('ValidationException', 'TimeToLiveSpecification needs AttributeName and Enabled');
    }
    if (wanted.Enabled === (settings.timeToLive?.Enabled ?? false)) {
      throw new AwsError('ValidationException', `TimeToLive is already ${wanted.Enabled ? 'enabled' : 'disabled'}`);
    }
    settings.timeToLive = wanted;
    return { TimeToLiveSpecification: wanted };
  },

  DescribeContinuousBackups: (_table, { pointInTimeRecovery }) => ({
    ContinuousBackupsDescription: {
      ContinuousBackupsStatus: 'ENABLED',
      PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: pointInTimeRecovery ? 'ENABLED' : 'DISABLED' },
    },
  }),
};

function describe(table: TableDefinition, settings: Settings, store: Store): object {
  const described = (indexes: TableDefinition['GlobalSecondaryIndexes']) =>
    indexes?.map((index) => ({
      ...index,
      IndexStatus: 'ACTIVE',
      IndexArn: `${settings.arn}/index/${index.IndexName}`,
    }));
  return {
    ...table,
    TableArn: settings.arn,
    TableStatus: 'ACTIVE',
    CreationDateTime: settings.createdAt / 1000,
    ItemCount: store.items(table.TableName).length,
    BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
    DeletionProtectionEnabled: settings.deletionProtection,
    GlobalSecondaryIndexes: described(table.GlobalSecondaryIndexes),
    LocalSecondaryIndexes: described(table.LocalSecondaryIndexes),
    SSEDescription: settings.encryption && {
      Status: 'ENABLED',
      SSEType: settings.encryption.SSEType ?? 'KMS',
      KMSMasterKeyArn: settings.encryption.KMSMasterKeyId,
    },
  };
}

/** Throughput is not simulated, so every table is on demand here. */
function definitionOf(properties: Json, tableName: string): TableDefinition {
  const keysOnly = (indexes: unknown) =>
    (indexes as TableDefinition['GlobalSecondaryIndexes'])?.map(({ IndexName, KeySchema, Projection }) => ({
      IndexName,
      KeySchema,
      Projection,
    }));
  const { AttributeDefinitions, KeySchema } = properties;
  return tableDefinition({
    TableName: tableName,
    AttributeDefinitions,
    KeySchema,
    GlobalSecondaryIndexes: keysOnly(properties.GlobalSecondaryIndexes),
    LocalSecondaryIndexes: keysOnly(properties.LocalSecondaryIndexes),
  });
}

/** A GlobalTable says of its replicas what a Table says of itself; there is one replica here. */
function settingsOf(properties: Json, arn: string, createdAt: number): Settings {
  type Replica = {
    PointInTimeRecoverySpecification?: { PointInTimeRecoveryEnabled?: boolean };
    DeletionProtectionEnabled?: boolean;
    SSESpecification?: { SSEEnabled?: boolean; SSEType?: string; KMSMasterKeyId?: string };
  };
  const own = properties as Replica & { Replicas?: Replica[]; TimeToLiveSpecification?: Settings['timeToLive'] };
  const replica = own.Replicas?.[0] ?? own;
  const encryption = { ...own.SSESpecification, ...replica.SSESpecification };
  return {
    arn,
    timeToLive: own.TimeToLiveSpecification && { ...own.TimeToLiveSpecification },
    pointInTimeRecovery: replica.PointInTimeRecoverySpecification?.PointInTimeRecoveryEnabled === true,
    deletionProtection: replica.DeletionProtectionEnabled === true,
    encryption: encryption.SSEEnabled ? encryption : undefined,
    createdAt,
  };
}
