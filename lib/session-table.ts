import { AttributeType, Billing, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { type ItemKind, indexes, indexPrefix, keyPrefix, tableAttributes } from '../lambda/shared/table-keys.ts';
import { removalPolicy, type Stage } from './settings/stage.ts';

/**
 * The one table. Encryption at rest is with DynamoDB's own key: what is worth more (the identity provider's tokens) is
 * sealed before it is stored, and a key of our own would cost a dollar a month and protect nothing further.
 *
 * A function is granted items by the prefix of their keys, so that a fault in one function does not open another's.
 */
export class SessionTable extends Construct {
  readonly name: string;
  readonly #arn: string;

  constructor(scope: Construct, id: string, props: { stage: Stage }) {
    super(scope, id);
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
      removalPolicy: removalPolicy(props.stage),
    });
    this.name = table.tableName;
    this.#arn = table.tableArn;
  }

  /** What stations 2 to 4 need: sessions, the grant they belong to, their runs, the users' own state, and to record calls. */
  grantSessions(grantee: IGrantable): void {
    this.#grant(grantee, ['BatchGetItem'], ['grant', 'sessions']);
    this.#grant(grantee, ['PutItem', 'UpdateItem'], ['sessions']);
    this.#grant(grantee, ['GetItem', 'DeleteItem'], ['importedSessions']);
    this.#grant(grantee, ['GetItem', 'PutItem', 'Query'], ['executions']);
    this.#grant(grantee, ['PutItem', 'Query'], ['changes']);
    this.#grant(grantee, ['PutItem'], ['calls', 'callMarkers']);
    this.#grant(grantee, ['GetItem', 'PutItem', 'DeleteItem', 'Query'], ['state']);
    // This one key, not the one of refresh tokens.
    this.#grantKeys(grantee, ['GetItem', 'PutItem'], [`${keyPrefix.sealedKey}request-state`]);
  }

  /** The sealed tokens of the identity provider, for tools that act for the user there: read, and stored when refreshed. */
  grantUpstreamTokens(grantee: IGrantable): void {
    this.#grant(grantee, ['GetItem', 'UpdateItem'], ['upstreamTokens']);
  }

  /** Everything of sign-in and grants; neither sessions nor the users' state. */
  grantSignIn(grantee: IGrantable): void {
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
    this.#grant(grantee, ['PutItem'], ['dashboardSessions']);
  }

  /**
   * Everything that is on record; to end grants and sessions; and to delete what is about a user. Not how clients and
   * users sign in: of that it deletes a user's codes, and reads nothing.
   */
  grantDashboard(grantee: IGrantable): void {
    const recorded: ItemKind[] = ['grant', 'sessions', 'calls', 'aggregates', 'dashboardSessions', 'user'];
    this.#grant(grantee, ['GetItem', 'BatchGetItem', 'Query'], recorded);
    this.#grant(grantee, ['Query'], ['callMarkers']);
    this.#grant(grantee, ['UpdateItem'], ['grant', 'sessions']);
    const kept: ItemKind[] = ['upstreamTokens', 'importedSessions', 'executions', 'changes', 'state'];
    this.#grant(grantee, ['Query'], kept);
    this.#grant(grantee, ['DeleteItem'], ['grant', 'sessions', 'calls', 'dashboardSessions', 'user', 'code', ...kept]);
    this.#grantLists(grantee, indexes.byUser.name, [indexPrefix.byUser]);
    const { recentSessions, recentGrants, recentUsers } = indexPrefix;
    this.#grantLists(grantee, indexes.recent.name, [recentSessions, recentGrants, recentUsers]);
  }

  /** The key that users' names are sealed with. */
  grantNames(grantee: IGrantable): void {
    this.#grantKeys(grantee, ['GetItem', 'PutItem'], [`${keyPrefix.sealedKey}user-names`]);
  }

  /** The calls of everyone, and to keep what they amount to. */
  grantAggregation(grantee: IGrantable): void {
    this.#grant(grantee, ['Query'], ['calls', 'callMarkers']);
    this.#grant(grantee, ['GetItem', 'PutItem', 'Query'], ['aggregates']);
  }

  #grant(grantee: IGrantable, operations: string[], kinds: ItemKind[]): void {
    this.#grantKeys(
      grantee,
      operations,
      kinds.map((kind) => `${keyPrefix[kind]}*`),
    );
  }

  /** To query an index, by the beginning of its own partition key. */
  #grantLists(grantee: IGrantable, index: string, prefixes: string[]): void {
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
      conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': leadingKeys } },
    }).assertSuccess();
  }
}
