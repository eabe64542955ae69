import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, DynamoDBDocumentClient, PutCommand, paginateScan, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import {
  assemblyOfSources,
  changed,
  type Edit,
  type Resources,
  replaceText,
  withoutThrottling,
} from '../../bench/harness/assembly.ts';
import { EmulatorProcess, type EmulatorProcessOptions } from '../../bench/harness/emulator-process.ts';
import { initialize, OAuthClient, postMcp, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/client/sdk-table-client.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { lifetimeProblems } from './stored-lifetimes.ts';

export type Item = Record<string, unknown> & { pk: string; sk: string };

export type TestCloudOptions = Omit<EmulatorProcessOptions, 'assembly'> & {
  /** Edits of the sources. Each combination of edits is synthesized once: prefer `change`. */
  edits?: readonly Edit[];
  /** Changes the template. */
  change?: (resources: Resources) => void;
  /** Keeps the rate limits of the gateway, which would otherwise reject requests under test. */
  throttled?: boolean;
};

/** The project with the fixture server in the local emulator, and the operator's view of its table. */
export class TestCloud extends EmulatorProcess {
  /** As the adapters have it, with the operator's permissions. */
  readonly table: TableConnection;
  readonly #assembly: string;
  readonly #documents: DynamoDBDocumentClient;
  readonly #expectedFailures = new Set<string>();
  #expectsEveryFailure = false;
  /** How far the clocks of the functions are ahead, in milliseconds. */
  #ahead = 0;

  private constructor(options: EmulatorProcessOptions, tableName: string) {
    super(options);
    this.#assembly = options.assembly;
    const client = new DynamoDBClient({
      endpoint: async () => {
        const { protocol, hostname, port } = new URL(this.dynamoDb.endpoint);
        return { protocol, hostname, port: Number(port), path: '/' };
      },
      credentials: async () => ({ accessKeyId: this.dynamoDb.accessKeyId, secretAccessKey: 'unused' }),
      region: 'us-east-1',
    });
    this.#documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
    this.table = { client: sdkTableClient(client), name: tableName };
  }

  static async start(options: TestCloudOptions = {}): Promise<TestCloud> {
    const { edits, change = () => undefined, throttled = false, ...emulator } = options;
    let tableName = '';
    const assembly = changed(await assemblyOfSources(edits), (resources) => {
      if (!throttled) withoutThrottling(resources);
      change(resources);
      tableName = tableNameIn(resources);
    });
    const cloud = new TestCloud({ ...emulator, assembly }, tableName);
    await cloud.launch();
    return cloud;
  }

  /** The template that the emulator runs, as JSON. */
  get template(): string {
    return readFileSync(this.#templateFile, 'utf8');
  }

  get #templateFile(): string {
    return join(this.#assembly, 'Holdfast.template.json');
  }

  /** Restarts at another time: the clocks of the emulator and of all functions are so far ahead of this process. */
  async restartAhead(milliseconds: number): Promise<void> {
    this.#ahead = milliseconds;
    const clock = pathToFileURL(join(__dirname, 'advanced-clock.ts'));
    clock.searchParams.set('milliseconds', String(milliseconds));
    const option = `--import=${clock}`;
    const template: { Resources: Resources } = JSON.parse(this.template);
    for (const { Type, Properties } of Object.values(template.Resources)) {
      if (Type !== 'AWS::Lambda::Function') continue;
      Properties.Environment ??= { Variables: {} };
      Properties.Environment.Variables.NODE_OPTIONS = option;
    }
    writeFileSync(this.#templateFile, JSON.stringify(template));
    await this.restart([option]);
  }

  /**
   * Expects log events that state a failure, such as `audit_write_failed`: of an outage that a test causes. `stop` rejects
   * others.
   */
  expectFailures(...events: string[]): void {
    for (const event of events) this.#expectedFailures.add(event);
  }

  /** Expects any failure: of faults at random requests, and of processes that die. */
  expectEveryFailure(): void {
    this.#expectsEveryFailure = true;
  }

  /**
   * @throws Error for an unexpected `…_failed` event in the log, for work that outlived a response, and for a stored item
   * without the `ttl` of its kind
   */
  override async stop(): Promise<void> {
    const stored = await this.items().catch((error: Error) => error);
    this.#documents.destroy();
    await super.stop();
    rmSync(this.#assembly, { recursive: true, force: true });
    if (stored instanceof Error) throw stored;
    const problems = [
      ...(this.#expectsEveryFailure ? [] : unexpectedFailures(this.log, this.#expectedFailures)),
      ...lifetimeProblems(stored, Date.now() + this.#ahead),
    ];
    if (problems.length > 0)
      throw new Error(`The test cloud ends with problems:\n${problems.map(firstPart).join('\n')}`);
  }

  /** Registers a client. */
  client(metadata?: Record<string, unknown>): Promise<OAuthClient> {
    return OAuthClient.register(this.origin, metadata);
  }

  /** Whether the server accepts the access token. */
  async acceptsToken({ access_token }: Tokens): Promise<boolean> {
    return (await postMcp(this.origin, access_token, initialize)).status === 200;
  }

  /** Registers a client and signs a user in. */
  async signedIn(user = 'ada'): Promise<{ client: OAuthClient; tokens: Tokens }> {
    const client = await this.client();
    return { client, tokens: await client.tokensFor(user) };
  }

  /** A client and a code that it has not redeemed. */
  async withCode(): Promise<{ client: OAuthClient; code: string }> {
    const client = await this.client();
    return { client, code: await client.signIn('ada') };
  }

  /** The items whose partition key has the prefix. */
  async items(prefix = ''): Promise<Item[]> {
    const found: Item[] = [];
    const scan = { TableName: this.table.name, ConsistentRead: true };
    for await (const { Items = [] } of paginateScan({ client: this.#documents }, scan)) {
      found.push(...(Items as Item[]).filter(({ pk }) => pk.startsWith(prefix)));
    }
    return found;
  }

  /** The only item whose partition key has the prefix. */
  async item(prefix: string): Promise<Item> {
    const found = await this.items(prefix);
    if (found.length !== 1) throw new Error(`${found.length} items have the prefix ${prefix}`);
    return found[0]!;
  }

  async put(item: Item): Promise<void> {
    await this.#documents.send(new PutCommand({ TableName: this.table.name, Item: item }));
  }

  /** Sets attributes of an item: tests move time by what they write. */
  async set({ pk, sk }: Pick<Item, 'pk' | 'sk'>, attributes: Record<string, unknown>): Promise<void> {
    const names = Object.keys(attributes);
    await this.#documents.send(
      new UpdateCommand({
        TableName: this.table.name,
        Key: { pk, sk },
        UpdateExpression: `SET ${names.map((name) => `#${name} = :${name}`).join(', ')}`,
        ConditionExpression: 'attribute_exists(pk)',
        ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
        ExpressionAttributeValues: Object.fromEntries(names.map((name) => [`:${name}`, attributes[name]])),
      }),
    );
  }

  async remove({ pk, sk }: Pick<Item, 'pk' | 'sk'>): Promise<void> {
    await this.#documents.send(new DeleteCommand({ TableName: this.table.name, Key: { pk, sk } }));
  }
}

/** The lines of the log that state another failure than the expected ones, and those about work that outlives a response. */
function unexpectedFailures(log: string, expected: ReadonlySet<string>): string[] {
  return log.split('\n').filter((line) => {
    if (/ leaves .+ after its response/.test(line)) return true;
    const [, event] = /"event":"(\w+_failed)"/.exec(line) ?? [];
    return event !== undefined && !expected.has(event);
  });
}

/** A line of the log may be long. */
const firstPart = (problem: string) => problem.slice(0, 300);

function tableNameIn(resources: Resources): string {
  const [logicalId] = Object.entries(resources).find(([, { Type }]) => Type === 'AWS::DynamoDB::GlobalTable')!;
  return `Holdfast-${logicalId}`;
}

/**
 * Direct mode: the identity provider is the authorization server.
 * @param issuer of the provider
 * @param clientId of Holdfast at the provider, for the dashboard
 */
export function directMode(issuer: string, clientId?: string): Pick<TestCloudOptions, 'edits' | 'change'> {
  const placeholder = 'http://127.0.0.1:1';
  const client = clientId === undefined ? '' : `, "idpClientId": "${clientId}"`;
  const context = `"idpProfile": "workos", "idpMode": "direct", "idpIssuer": "${placeholder}"${client}`;
  return {
    edits: [['cdk.json', '"context": {', `"context": { ${context},`]],
    change: (resources) => replaceText(resources, placeholder, issuer),
  };
}

/** A server whose tool `note` needs the scope `notes`, which `admin` includes. */
export const toolScopes: readonly Edit[] = [
  [
    'test/support/fixture-scopes.ts',
    "mcp: { description: 'Use this server’s tools on your behalf' },",
    `mcp: { description: 'Use the tools' },
     notes: { description: 'Keep notes' },
     admin: { description: 'Do anything', includes: ['mcp', 'notes'] },`,
  ],
  ['test/support/fixture-scopes.ts', 'tools: {}', "tools: { note: ['notes'] }"],
];
