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

/** The local emulator as an attacker meets it, by its front door, with the owner's view of the table beside it. */
export class AttackedCloud {
  readonly origin: string;
  readonly cloud: Cloud;
  readonly #assembly: string;
  readonly #table: DynamoDBDocumentClient;
  /** As the adapters have it, for the owner. */
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

  /** @param change to the template, besides the limits of rate, which would answer in place of what is under test */
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

  /** A client and a code that it has not redeemed yet. */
  async withCode(): Promise<{ client: OAuthClient; code: string }> {
    const client = await this.client();
    return { client, code: await client.signIn('ada') };
  }

  /** Items whose partition key begins so; all of them without a prefix. */
  async items(prefix = ''): Promise<Item[]> {
    const { Items = [] } = await this.#table.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true }));
    return (Items as Item[]).filter(({ pk }) => pk.startsWith(prefix));
  }

  /** The one item whose partition key begins so. */
  async item(prefix: string): Promise<Item> {
    const found = await this.items(prefix);
    if (found.length !== 1) throw new Error(`${found.length} items begin with ${prefix}`);
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
const kept = join(root, 'node_modules', '.cache', 'holdfast-assemblies');

/** The cloud assembly of the sources as they are, made once for all the files of tests that want it. */
export async function assemblyOfSources(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of globSync(['{bin,lib,lambda}/**/*.ts', 'cdk.json', 'package-lock.json'], { cwd: root }).sort()) {
    hash.update(file).update(readFileSync(join(root, file)));
  }
  const folder = join(kept, hash.digest('hex'));
  if (existsSync(folder)) return folder;
  const made = await newAssembly();
  const complete = `${folder}-${process.pid}`;
  cpSync(made, complete, { recursive: true });
  rmSync(made, { recursive: true });
  // Another worker may have been faster; then its folder is as good.
  if (existsSync(folder)) rmSync(complete, { recursive: true });
  else renameSync(complete, folder);
  return folder;
}

export const json = async (answer: Response) => (await answer.json()) as Record<string, unknown>;

/** Status and error code: what a client can tell refusals apart by. */
export const refusal = async (answer: Response) => [answer.status, (await json(answer)).error];

/** Opens the address in a browser of its own, as far as the client's redirect URI. */
export const open = (url: string) => new Browser().open(url, redirectUri);

/** What the client was answered at its redirect URI. */
export const answerAt = ({ url }: Page) => Object.fromEntries(new URL(url).searchParams);

/** An answer to the person who is sitting there: a page that leads nowhere. */
export function expectPage(page: Page, status = 400): void {
  expect([page.status, page.headers.get('location')]).toEqual([status, null]);
  expect(page.headers.get('content-type')).toMatch(/^text\/html/);
}

/** A refresh token's grant, which stands in it for the table to be asked. */
export const grantOf = ({ refresh_token }: Tokens) => /^hrt1_([^.]+)/.exec(refresh_token)![1]!;

export type RawAnswer = { status: number; headers: IncomingHttpHeaders; text: string };

/** A request with exactly these headers, repeated ones too, which `fetch` would not send. */
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
