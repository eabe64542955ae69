import { AttributeType, Billing, type CfnGlobalTable, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import {
  EXPORT_PROGRESS,
  type ItemKind,
  indexes,
  indexPrefix,
  keyPrefix,
  tableAttributes,
} from '../lambda/shared/table-keys.ts';
import { grantThroughService } from './encryption-keys.ts';
import { protectedRemovalPolicy, type Stage } from './settings/stage.ts';

/** The requests of DynamoDB to a table's key, for a caller that reads or writes. */
const keyActions = [
  'kms:Decrypt',
  'kms:DescribeKey',
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
];

/**
 * The DynamoDB table. Encryption at rest uses DynamoDB's key by default: upstream tokens are sealed before they are stored,
 * and a customer managed key costs a dollar a month.
 *
 * Grants are restricted to key prefixes (`dynamodb:LeadingKeys`), so that a fault in one function does not expose the
 * items of another.
 */
export class SessionTable extends Construct {
  readonly name: string;
  readonly resource: TableV2;
  readonly #arn: string;
  readonly #encryptionKey: IKey | undefined;

  constructor(scope: Construct, id: string, props: { stage: Stage; encryptionKey: IKey | undefined }) {
    super(scope, id);
    const { encryptionKey } = props;
    const string = (name: string) => ({ name, type: AttributeType.STRING });
    const table = new TableV2(this, 'Table', {
      partitionKey: string(tableAttributes.partitionKey),
      sortKey: string(tableAttributes.sortKey),
      globalSecondaryIndexes: Object.values(indexes).map(({ name, partitionKey, sortKey }) => ({
        indexName: name,
        partitionKey: string(partitionKey),
        sortKey: string(sortKey),
      })),
      billing: Billing.onDemand(),
      timeToLiveAttribute: tableAttributes.timeToLive,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: props.stage === 'prod' },
      deletionProtection: props.stage === 'prod',
      removalPolicy: protectedRemovalPolicy(props.stage),
    });
    if (encryptionKey) encryptWith(encryptionKey, table);
    this.resource = table;
    this.name = table.tableName;
    this.#arn = table.tableArn;
    this.#encryptionKey = encryptionKey;
  }

  /** Grants the MCP and worker functions sessions, their grant, executions, changes, tool state, and writing the audit log. */
  grantSessions(grantee: IGrantable): void {
    this.#grantEncryption(grantee);
    this.#grant(grantee, ['BatchGetItem'], ['grant', 'sessions']);
    this.#grant(grantee, ['PutItem', 'UpdateItem'], ['sessions']);
    this.#grant(grantee, ['GetItem', 'DeleteItem'], ['importedSessions']);
    this.#grant(grantee, ['GetItem', 'PutItem', 'Query', 'ConditionCheckItem'], ['executions']);
    this.#grant(grantee, ['PutItem', 'Query'], ['changes']);
    this.#grant(grantee, ['PutItem'], ['calls', 'callMarkers']);
    this.#grant(grantee, ['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query'], ['state']);
    // Not the key of refresh tokens.
    this.#grantKeys(grantee, ['GetItem', 'PutItem'], [`${keyPrefix.sealedKey}request-state`]);
  }

  /** Grants reading and updating the sealed upstream tokens, for tools that call APIs on behalf of the user. */
  grantUpstreamTokens(grantee: IGrantable): void {
    this.#grant(grantee, ['GetItem', 'UpdateItem'], ['upstreamTokens']);
  }

  /**
   * Grants the OAuth function clients, sign-in, grants and dashboard sessions; neither MCP sessions nor tool state. Of the
   * lists of all users it reads that of ended upstream tokens.
   */
  grantSignIn(grantee: IGrantable): void {
    this.#grantEncryption(grantee);
    this.#grant(
      grantee,
      ['GetItem', 'BatchGetItem', 'PutItem', 'UpdateItem', 'DeleteItem'],
      [
        'client',
        'clientDocument',
        'rateLimit',
        'spentAssertion',
        'authorizationRequest',
        'signIn',
        'code',
        'grant',
        'upstreamTokens',
        'user',
        'sealedKey',
      ],
    );
    this.#grantDashboardSessionStart(grantee);
    this.#grantIndex(grantee, indexes.recent.name, [indexPrefix.endedTokens]);
  }

  /** Grants the sign-in function of direct mode sign-ins, their users, and the start of dashboard sessions. */
  grantDashboardSignIn(grantee: IGrantable): void {
    this.#grantEncryption(grantee);
    this.#grant(grantee, ['GetItem', 'DeleteItem'], ['signIn']);
    this.#grantDashboardSessionStart(grantee);
  }

  /** Grants the dashboard function of direct mode to put the items that block a grant. */
  grantBlocking(grantee: IGrantable): void {
    this.#grant(grantee, ['PutItem'], ['grant']);
  }

  /**
   * Grants the OAuth function to find the dashboard session of a user who makes a personal access token, and to write the
   * grant of the token while the session lasts, in one transaction (as in `grantSignIn`).
   */
  grantPersonalTokens(grantee: IGrantable): void {
    this.#grant(grantee, ['GetItem'], ['dashboardSessions']);
    this.#grant(grantee, ['PutItem', 'UpdateItem'], ['grant', 'dashboardSessions']);
  }

  /**
   * Grants the dashboard function to read the audit log, grants and sessions, to revoke, and to erase a user. Of the
   * sign-in data it deletes a user's codes and reads nothing.
   */
  grantDashboard(grantee: IGrantable): void {
    this.#grantEncryption(grantee);
    const readable: ItemKind[] = ['grant', 'sessions', 'calls', 'aggregates', 'dashboardSessions', 'user'];
    this.#grant(grantee, ['GetItem', 'BatchGetItem', 'Query'], readable);
    this.#grant(grantee, ['Query'], ['callMarkers']);
    // An erasure cancels executions, so that their processes store nothing more.
    this.#grant(grantee, ['UpdateItem'], ['grant', 'sessions', 'upstreamTokens', 'executions']);
    const erasable: ItemKind[] = ['upstreamTokens', 'importedSessions', 'executions', 'changes', 'state'];
    this.#grant(grantee, ['Query'], erasable);
    this.#grant(
      grantee,
      ['DeleteItem'],
      ['grant', 'sessions', 'calls', 'dashboardSessions', 'user', 'code', ...erasable],
    );
    this.#grantIndex(grantee, indexes.byUser.name, [indexPrefix.byUser]);
    const { recentSessions, recentGrants, recentUsers } = indexPrefix;
    this.#grantIndex(grantee, indexes.recent.name, [recentSessions, recentGrants, recentUsers]);
  }

  /**
   * Grants the function of the audit tools its sessions and executions, and to read the calls, aggregates and sessions of all
   * users. Of users it reads the list, and no sign-in data.
   */
  grantAuditTools(grantee: IGrantable): void {
    this.#grantEncryption(grantee);
    this.#grant(grantee, ['BatchGetItem'], ['grant', 'sessions', 'calls']);
    this.#grant(grantee, ['PutItem', 'UpdateItem'], ['sessions']);
    this.#grant(grantee, ['GetItem', 'DeleteItem'], ['importedSessions']);
    this.#grant(grantee, ['GetItem', 'PutItem', 'Query', 'ConditionCheckItem'], ['executions']);
    this.#grant(grantee, ['PutItem', 'Query'], ['calls', 'callMarkers']);
    this.#grant(grantee, ['GetItem', 'Query'], ['aggregates']);
    this.#grantIndex(grantee, indexes.byUser.name, [indexPrefix.byUser]);
    this.#grantIndex(grantee, indexes.recent.name, [indexPrefix.recentSessions, indexPrefix.recentUsers]);
  }

  /** Grants the key that seals user names. */
  grantNames(grantee: IGrantable): void {
    this.#grantKeys(grantee, ['GetItem', 'PutItem'], [`${keyPrefix.sealedKey}user-names`]);
  }

  /** Grants the aggregation function to read the audit log and to maintain the aggregates. */
  grantAggregation(grantee: IGrantable): void {
    this.#grantReadingCalls(grantee);
    this.#grant(grantee, ['GetItem', 'PutItem', 'Query'], ['aggregates']);
  }

  /** Grants the telemetry function to read the audit log and to store its progress. */
  grantTelemetry(grantee: IGrantable): void {
    this.#grantReadingCalls(grantee);
    this.#grantKeys(grantee, ['GetItem', 'PutItem'], [`${keyPrefix.aggregates}${EXPORT_PROGRESS}`]);
  }

  #grantReadingCalls(grantee: IGrantable): void {
    this.#grantEncryption(grantee);
    this.#grant(grantee, ['Query'], ['calls', 'callMarkers']);
  }

  /**
   * One transaction starts a dashboard session, completes its sign-in and updates its user. DynamoDB may compare the keys
   * of all parts with those of one statement: the documentation of transactions is silent about `dynamodb:LeadingKeys`.
   */
  #grantDashboardSessionStart(grantee: IGrantable): void {
    this.#grant(grantee, ['PutItem', 'UpdateItem'], ['signIn', 'user', 'dashboardSessions']);
  }

  #grantEncryption(grantee: IGrantable): void {
    if (this.#encryptionKey) grantThroughService(this.#encryptionKey, 'dynamodb', keyActions, grantee);
  }

  #grant(grantee: IGrantable, operations: string[], kinds: ItemKind[]): void {
    this.#grantKeys(
      grantee,
      operations,
      kinds.map((kind) => `${keyPrefix[kind]}*`),
    );
  }

  /** Grants queries of an index. */
  #grantIndex(grantee: IGrantable, index: string, prefixes: string[]): void {
    this.#grantKeys(
      grantee,
      ['Query'],
      prefixes.map((prefix) => `${prefix}*`),
      `${this.#arn}/index/${index}`,
    );
  }

  #grantKeys(grantee: IGrantable, operations: string[], leadingKeys: string[], arn = this.#arn): void {
    Grant.addToPrincipal({
      grantee,
      actions: operations.map((operation) => `dynamodb:${operation}`),
      resourceArns: [arn],
      conditions: {
        'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': leadingKeys },
        // `ForAllValues` is true of a request without the key.
        Null: { 'dynamodb:LeadingKeys': 'false' },
      },
    }).assertSuccess();
  }
}

/** `TableEncryptionV2.customerManagedKey` needs the region at synth, and most stacks have none. */
function encryptWith(key: IKey, table: TableV2): void {
  const resource = table.node.defaultChild as CfnGlobalTable;
  resource.sseSpecification = { sseEnabled: true, sseType: 'KMS' };
  resource.addPropertyOverride('Replicas.0.SSESpecification.KMSMasterKeyId', key.keyArn);
}
