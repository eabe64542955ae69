import { createHash } from 'node:crypto';
import { cpSync, existsSync, globSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, DynamoDBDocumentClient, PutCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { sdkTableClient } from '../../lambda/adapters/dynamodb/sdk-table-client.ts';
import type { TableConnection } from '../../lambda/adapters/dynamodb/table-connection.ts';
import { Browser, type Page } from './form-browser.ts';
import { Cloud, changed, newAssembly, type Resources, withoutThrottling } from './test-cloud.ts';
import { OAuthClient, redirectUri, type Tokens } from './test-oauth-client.ts';

export type Item = Record<string, unknown> & { pk: string; sk: string };

const TABLE = 'Holdfast-Table710B521B';

/** The local emulator as an attacker reaches it, with direct access to the table for the test. */
export class AttackedCloud {
  readonly origin: string;
  readonly cloud: Cloud;
  readonly #assembly: string;
  readonly #table: DynamoDBDocumentClient;
  /** The table as the adapters take it. */
  readonly table: TableConnection;

  private constructor(cloud: Cloud, assembly: string) {
    this.cloud = cloud;
    this.origin = cloud.origin;
    this.#assembly = assembly;
    const { endpoint, accessKeyId } = cloud.dynamoDb;
    const credentials = { accessKeyId, secretAccessKey: 'unused' };
    const client = new DynamoDBClient({ endpoint, credentials, region: 'us-east-1' });
    this.#table = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
    this.table = { client: sdkTableClient(client), name: TABLE };
  }

  /** Throttling is off: it would respond in place of the code under test. @param change a further change of the template */
  static async start(change: (resources: Resources) => void = () => undefined): Promise<AttackedCloud> {
    const assembly = changed(await assemblyOfSources(), (resources) => {
      withoutThrottling(resources);
      change(resources);
    });
    return new AttackedCloud(await Cloud.start({ assembly }), assembly);
  }

  async stop(): Promise<void> {
    this.#table.destroy();
    await this.cloud.stop();
    rmSync(this.#assembly, { recursive: true, force: true });
  }

  client(metadata?: Record<string, unknown>): Promise<OAuthClient> {
    return OAuthClient.register(this.origin, metadata);
  }

  async signedIn(user = 'ada'): Promise<{ client: OAuthClient; tokens: Tokens }> {
    const client = await this.client();
    return { client, tokens: await client.tokensFor(user) };
  }

  /** A client with a code that it has not redeemed. */
  async withCode(): Promise<{ client: OAuthClient; code: string }> {
    const client = await this.client();
    return { client, code: await client.signIn('ada') };
  }

  /** The items whose partition key has the prefix. */
  async items(prefix = ''): Promise<Item[]> {
    const { Items = [] } = await this.#table.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true }));
    return (Items as Item[]).filter(({ pk }) => pk.startsWith(prefix));
  }

  /** The only item whose partition key has the prefix. */
  async item(prefix: string): Promise<Item> {
    const found = await this.items(prefix);
    if (found.length !== 1) throw new Error(`${found.length} items have the prefix ${prefix}; expected one`);
    return found[0]!;
  }

  async put(item: Item): Promise<void> {
    await this.#table.send(new PutCommand({ TableName: TABLE, Item: item }));
  }

  async remove({ pk, sk }: Item): Promise<void> {
    await this.#table.send(new DeleteCommand({ TableName: TABLE, Key: { pk, sk } }));
  }
}

const root = join(__dirname, '..', '..');
const assemblies = join(root, 'node_modules', '.cache', 'holdfast-assemblies');

/** The cloud assembly of the current sources, synthesized once for all test files. */
export async function assemblyOfSources(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of globSync(['{bin,lib,lambda}/**/*.ts', 'cdk.json', 'package-lock.json'], { cwd: root }).sort()) {
    hash.update(file).update(readFileSync(join(root, file)));
  }
  const folder = join(assemblies, hash.digest('hex'));
  if (existsSync(folder)) return folder;
  const synthesized = await newAssembly();
  const complete = `${folder}-${process.pid}`;
  cpSync(synthesized, complete, { recursive: true });
  rmSync(synthesized, { recursive: true });
  // Another worker may have created the folder in the meantime; its content is the same.
  if (existsSync(folder)) rmSync(complete, { recursive: true });
  else renameSync(complete, folder);
  return folder;
}

export const json = async (answer: Response) => (await answer.json()) as Record<string, unknown>;

/** Status and error code of a rejection. */
export const refusal = async (answer: Response) => [answer.status, (await json(answer)).error];

/** Opens the URL in a new browser, which stops at the client's redirect URI. */
export const open = (url: string) => new Browser().open(url, redirectUri);

/** The parameters of the response at the client's redirect URI. */
export const answerAt = ({ url }: Page) => Object.fromEntries(new URL(url).searchParams);

/** Expects an error page without redirect. */
export function expectPage(page: Page, status = 400): void {
  expect([page.status, page.headers.get('location')]).toEqual([status, null]);
  expect(page.headers.get('content-type')).toMatch(/^text\/html/);
}

/** The id of the grant, which a refresh token contains. */
export const grantOf = ({ refresh_token }: Tokens) => /^hrt1_([^.]+)/.exec(refresh_token)![1]!;

export type RawAnswer = { status: number; headers: IncomingHttpHeaders; text: string };

/** Sends a request with exactly these headers; unlike `fetch` also repeated and forbidden ones. */
export function rawRequest(
  url: string,
  { method = 'GET', headers = [] as [string, string][], body = '' as string | Buffer } = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const host: [string, string] = ['Host', new URL(url).host];
    const all = headers.some(([name]) => /^host$/i.test(name)) ? headers : [host, ...headers];
    const length = body.length > 0 ? [['Content-Length', String(Buffer.byteLength(body))] as [string, string]] : [];
    const sent = request(url, { method, headers: [...all, ...length].flat() }, async (answer) =>
      resolve({ status: answer.statusCode!, headers: answer.headers, text: await text(answer) }),
    );
    sent.on('error', reject).end(body);
  });
}
