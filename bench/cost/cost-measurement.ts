import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { DataFolder } from '../../local/data-folder.ts';
import type { Item } from '../../local/dynamodb/dynamodb-store.ts';
import { startEmulator } from '../../local/emulator.ts';
import { readAssembly } from '../../local/template/cloud-assembly.ts';
import { changed, withoutThrottling } from '../harness/assembly.ts';
import { callTool, initialize, OAuthClient, postMcp, type Tokens } from '../harness/raw-oauth-client.ts';
import { accounted, nameOf, type Snapshot } from './accounted-requests.ts';
import { measureAggregation } from './aggregation-cost.ts';
import { indexesOf } from './dynamodb-units.ts';
import type { Measurement, Work } from './measured-work.ts';
import { RequestTap } from './request-tap.ts';

const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'by-hand', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const listTools = { jsonrpc: '2.0', id: 1, method: 'tools/list' };

/**
 * Runs the stack in the local emulator, performs each kind of work, and counts the requests to the services. Each kind of
 * work has run before: a fresh process loads keys first (`test/e2e/store-requests.test.ts`).
 *
 * @param assembly the folder that `cdk synth` wrote
 */
export async function measure(assembly: string): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-cost-'));
  const unthrottled = changed(assembly, withoutThrottling);
  const tap = new RequestTap();
  let logBytes = 0;
  const emulator = await startEmulator({
    folder,
    port: 0,
    assembly: unthrottled,
    report: {
      progress: () => undefined,
      request: () => undefined,
      call: () => undefined,
      output: (_function, line) => {
        logBytes += Buffer.byteLength(line) + 1;
      },
      warning: () => undefined,
      rebuilding: () => undefined,
      reloaded: () => undefined,
    },
  });
  const operator = operatorOf(folder);
  const indexes = indexesOf(tableOf(assembly));
  try {
    const measured = async (work: () => Promise<unknown>): Promise<Work> => {
      const before = await operator.snapshot();
      logBytes = 0;
      const exchanges = await tap.during(work);
      return { ...accounted(exchanges, { before, after: await operator.snapshot(), indexes }), logBytes };
    };
    return {
      measuredOn: new Date().toISOString().slice(0, 10),
      indexes: indexes.map(({ name }) => name),
      works: {
        ...(await measureRequests(emulator.origin, operator, measured)),
        ...(await measureAggregation(tap, tableOf(assembly))),
      },
    };
  } finally {
    operator.close();
    await emulator.close();
    for (const each of [folder, unthrottled]) rmSync(each, { recursive: true, force: true });
  }
}

type Operator = ReturnType<typeof operatorOf>;

async function measureRequests(
  origin: string,
  operator: Operator,
  measured: (work: () => Promise<unknown>) => Promise<Work>,
) {
  const post = async ({ access_token }: Tokens, body: unknown, headers = {}) => {
    const answer = await postMcp(origin, access_token, body, headers);
    if (!answer.ok) throw new Error(`/mcp answered ${answer.status}: ${await answer.text()}`);
    await answer.text();
    return answer;
  };
  const begin = async (tokens: Tokens) => ({
    'mcp-session-id': (await post(tokens, initialize)).headers.get('mcp-session-id')!,
  });
  const modernCall = (tokens: Tokens) => {
    const call = callTool('whoami');
    const headers = {
      'mcp-protocol-version': ENVELOPE['io.modelcontextprotocol/protocolVersion'],
      'mcp-method': call.method,
    };
    return post(tokens, { ...call, params: { ...call.params, _meta: ENVELOPE } }, { ...headers, 'mcp-name': 'whoami' });
  };

  const register = () => OAuthClient.register(origin, { client_name: 'Counted' });
  const client = await register();
  const refreshed = async ({ refresh_token }: Tokens) => (await (await client.refresh(refresh_token)).json()) as Tokens;
  let tokens = await refreshed(await client.tokensFor('ada'));
  const session = await begin(tokens);
  await modernCall(tokens);
  const call = () => post(tokens, callTool('whoami'), session);
  await call();

  /** Measures the work, again if it was the first call in a period of five minutes, which writes a marker besides. */
  const withoutMarker = async (work: () => Promise<unknown>, prepare = async () => {}): Promise<Work> => {
    await prepare();
    const result = await measured(work);
    return result.writes.some(({ item }) => item === 'C#') ? withoutMarker(work, prepare) : result;
  };

  const grant = /^hrt1_([^.]+)/.exec(tokens.refresh_token)![1]!;
  const user = String((await operator.snapshot()).get(`G#${grant} -`)!.user!.S);
  const fresh = await begin(tokens);
  let code = '';
  return {
    call: await withoutMarker(call),
    firstCall: await measured(() => post(tokens, callTool('whoami'), fresh)),
    modernCall: await withoutMarker(() => modernCall(tokens)),
    slidingCall: await withoutMarker(call, () =>
      operator.setBack(`S#${grant} ${session['mcp-session-id']}`, 'lastSeenAt'),
    ),
    begin: await measured(() => begin(tokens)),
    list: await measured(() => post(tokens, listTools, session)),
    register: await measured(register),
    signIn: await (async () => {
      await operator.setBack(`U#${user} -`, 'lastSignInAt');
      return measured(async () => {
        code = await client.signIn('ada');
      });
    })(),
    redeem: await measured(() => client.redeem(code)),
    refresh: await (async () => {
      await operator.setBack(`T#${grant} -`, 'refreshedAt');
      return measured(async () => {
        tokens = await refreshed(tokens);
      });
    })(),
  };
}

/** The properties of the table in the template. */
export function tableOf(assembly: string) {
  const { Resources } = readAssembly(assembly).template as unknown as {
    Resources: Record<string, { Type: string; Properties: TableProperties }>;
  };
  const [table] = Object.values(Resources).filter(({ Type }) => Type === 'AWS::DynamoDB::GlobalTable');
  if (!table) throw new Error('The template has no table');
  return table.Properties;
}

type TableProperties = Record<string, unknown> & Parameters<typeof indexesOf>[0];

/** The operator's view of the table. */
function operatorOf(folder: string) {
  const { dynamoDb, marker } = DataFolder.operatorAccessTo(folder)!;
  const TableName = marker.table;
  const credentials = { accessKeyId: dynamoDb.accessKeyId, secretAccessKey: 'local' };
  const client = new DynamoDBClient({ endpoint: dynamoDb.endpoint, region: 'us-east-1', credentials });
  const snapshot = async (): Promise<Snapshot> => {
    const { Items = [] } = await client.send(new ScanCommand({ TableName, ConsistentRead: true }));
    return new Map((Items as unknown as Item[]).map((item) => [nameOf(item), item]));
  };
  return {
    snapshot,
    /** Moves a time twenty minutes back, in the item and in the index that sorts by it. */
    async setBack(name: string, time: string) {
      const item = (await snapshot()).get(name);
      if (!item) throw new Error(`The table has no ${name}`);
      const [now, earlier] = [String(item[time]!.N), String(Number(item[time]!.N) - 3600)];
      const gsi2sk = item.gsi2sk && { S: String(item.gsi2sk.S).replace(now, earlier) };
      const changed = { ...item, [time]: { N: earlier }, ...(gsi2sk && { gsi2sk }) };
      await client.send(new PutItemCommand({ TableName, Item: changed as never }));
    },
    close: () => client.destroy(),
  };
}
