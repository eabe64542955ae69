/** An AWS account that ministack emulates, for `cdk bootstrap` and `cdk deploy`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Resource types that ministack 1.5.33 does not support. They are removed from the templates; references become their ids. */
export const unsupported: Record<string, string> = {
  'AWS::Cognito::ManagedLoginBranding': 'it has no managed login',
  'AWS::WAFv2::WebACLAssociation': 'it has web ACLs without associations',
};

/** A resource as CloudFormation reports it. `status` is such as `CREATE_COMPLETE`. */
export type StackResource = { status: string; physicalId: string };

/** Resources for which AWS charges in an account without requests. */
export type ChargedResources = { logGroups: string[]; keys: string[] };

export type EmulatedAccount = {
  /** A folder for cloud assemblies, which is deleted with the account. */
  folder: string;
  /** Excludes the configuration of the machine: the commands must not reach a real account. */
  environment: Record<string, string>;
  /** The resources of a stack by logical id. */
  resourcesOf(stack: string): Promise<Map<string, StackResource>>;
  /** The types of the resources that a stack has created and not deleted, sorted, by the events of the last stack of the name. */
  remainingTypes(stack: string): Promise<string[]>;
  /** Log groups and keys of the account. A key in its waiting period is free of charge, and is not listed. */
  chargedResources(): Promise<ChargedResources>;
  removeTerminationProtection(stack: string): Promise<void>;
  close(): Promise<void>;
};

/** @throws Error when ministack is not installed, with the commands that install it, and when it does not start */
export async function startEmulatedAccount(): Promise<EmulatedAccount> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-deploy-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const environment = {
    PATH: process.env.PATH!,
    HOME: folder,
    TMPDIR: folder,
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'emulated',
    AWS_SECRET_ACCESS_KEY: 'emulated',
    AWS_REGION: 'us-east-1',
    AWS_EC2_METADATA_DISABLED: 'true',
    CDK_DISABLE_CLI_TELEMETRY: 'true',
  };
  const child = spawn('ministack', {
    env: { ...environment, GATEWAY_PORT: String(port), BIND_HOST: '127.0.0.1', S3_DATA_DIR: join(folder, 's3') },
    stdio: 'ignore',
  });
  const ended = new Promise<never>((_, reject) => {
    child.once('error', () => reject(new Error(notInstalled)));
    child.once('exit', (code) => reject(new Error(`ministack ended with code ${code}`)));
  });
  const close = async () => {
    child.kill();
    await ended.catch(() => {});
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await Promise.race([ended, healthy(endpoint)]);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    folder,
    environment,
    resourcesOf: (stack) => resourcesOf(endpoint, stack),
    remainingTypes: (stack) => remainingTypes(endpoint, stack),
    chargedResources: () => chargedResources(endpoint),
    removeTerminationProtection: async (stack) => {
      const parameters = { StackName: stack, EnableTerminationProtection: 'false' };
      await cloudFormation(endpoint, 'UpdateTerminationProtection', parameters);
    },
    close,
  };
}

const notInstalled = [
  '`ministack`, the emulated AWS account of this test, is not installed. It needs Python 3.10 or later:',
  '  python3 -m venv .holdfast/python',
  '  .holdfast/python/bin/pip install -r test/deploy/requirements.txt',
  '  PATH="$PWD/.holdfast/python/bin:$PATH" npm run test:deploy',
].join('\n');

async function healthy(endpoint: string): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    const answer = await fetch(`${endpoint}/_ministack/health`).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(200);
  }
  throw new Error('ministack did not answer within 30 seconds');
}

/** The functions of custom resources run. ministack finds modules with the extension `.js` alone. */
function addJavaScriptModules(assembly: string): void {
  for (const bundle of globSync(join(assembly, 'asset.*/index.cjs'))) {
    writeFileSync(join(dirname(bundle), 'index.js'), "module.exports = require('./index.cjs');\n");
  }
}

/**
 * Removes from a cloud assembly what ministack does not support, and adds what it requires.
 *
 * @param template name of the template's file
 * @returns the ids of the other resources
 */
export function removeUnsupported(assembly: string, template: string): string[] {
  addJavaScriptModules(assembly);
  const file = join(assembly, template);
  const content: { Resources: Record<string, { Type: string }> } = JSON.parse(readFileSync(file, 'utf8'));
  const resources = Object.entries(content.Resources);
  const supported = resources.filter(([, { Type }]) => !(Type in unsupported));
  const withoutRemoved = resources
    .filter(([, { Type }]) => Type in unsupported)
    .reduce(
      (text, [id]) => text.replaceAll(`{"Ref":"${id}"}`, `"${id}"`),
      JSON.stringify({ ...content, Resources: Object.fromEntries(supported) }),
    )
    // An attribute of the user pool that ministack lacks.
    .replaceAll(
      /\{"Fn::GetAtt":\["(\w+)","ProviderURL"\]\}/g,
      '{"Fn::Join":["",["https://",{"Fn::GetAtt":["$1","ProviderName"]}]]}',
    );
  writeFileSync(file, withoutRemoved);
  return supported.map(([id]) => id);
}

/** A request without an SDK client: a few calls do not justify five of them. ministack reads the service from the signature. */
function request(endpoint: string, service: string, init: RequestInit): Promise<Response> {
  const authorization = `AWS4-HMAC-SHA256 Credential=emulated/20000101/us-east-1/${service}/aws4_request`;
  return fetch(endpoint, { method: 'POST', ...init, headers: { ...init.headers, authorization } });
}

/** @throws Error for a response that is no success */
async function call<T>(endpoint: string, service: string, target: string, body: object): Promise<T> {
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
  const answer = await request(endpoint, service, { headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${target} answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as T;
}

async function chargedResources(endpoint: string): Promise<ChargedResources> {
  const { logGroups } = await call<{ logGroups: { logGroupName: string }[] }>(
    endpoint,
    'logs',
    'Logs_20140328.DescribeLogGroups',
    {},
  );
  const { Keys } = await call<{ Keys: { KeyId: string }[] }>(endpoint, 'kms', 'TrentService.ListKeys', {});
  const keys = await Promise.all(
    Keys.map(async ({ KeyId }) => {
      const { KeyMetadata } = await call<{ KeyMetadata: { KeyState: string } }>(
        endpoint,
        'kms',
        'TrentService.DescribeKey',
        { KeyId },
      );
      return { KeyId, ...KeyMetadata };
    }),
  );
  return {
    logGroups: logGroups.map(({ logGroupName }) => logGroupName),
    keys: keys.filter(({ KeyState }) => KeyState !== 'PendingDeletion').map(({ KeyId }) => KeyId),
  };
}

/** An operation of CloudFormation in its query protocol. */
async function cloudFormation(endpoint: string, action: string, parameters: Record<string, string>): Promise<string> {
  const body = new URLSearchParams({ Action: action, Version: '2010-05-15', ...parameters });
  const answer = await request(endpoint, 'cloudformation', { body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${action} answered ${answer.status}: ${text}`);
  return text;
}

/** The text of an element in each `<member>` of an answer. */
const membersOf = (answer: string) =>
  answer
    .split('<member>')
    .slice(1)
    .map((member) => (element: string) => new RegExp(`<${element}>([^<]*)<`).exec(member)?.[1] ?? '');

async function remainingTypes(endpoint: string, stack: string): Promise<string[]> {
  const events: ((element: string) => string)[] = [];
  for (let token: string | undefined = ''; token !== undefined; ) {
    const parameters = { StackName: stack, ...(token && { NextToken: token }) };
    const page = await cloudFormation(endpoint, 'DescribeStackEvents', parameters);
    events.push(...membersOf(page));
    token = /<NextToken>([^<]+)</.exec(page)?.[1];
  }
  const created = new Map<string, string>();
  // The last event comes first.
  for (const text of events.reverse()) {
    const [id, status, type] = [text('LogicalResourceId'), text('ResourceStatus'), text('ResourceType')];
    if (type === 'AWS::CloudFormation::Stack') continue;
    if (status === 'CREATE_COMPLETE') created.set(id, type);
    if (status === 'DELETE_COMPLETE') created.delete(id);
  }
  return [...created.values()].sort();
}

async function resourcesOf(endpoint: string, stack: string): Promise<Map<string, StackResource>> {
  const answer = await cloudFormation(endpoint, 'DescribeStackResources', { StackName: stack });
  return new Map(
    membersOf(answer).map((text) => [
      text('LogicalResourceId'),
      { status: text('ResourceStatus'), physicalId: text('PhysicalResourceId') },
    ]),
  );
}

/** @throws Error with every resource that CloudFormation does not report as created */
export async function assertCreated(account: EmulatedAccount, stack: string, resources: string[]): Promise<void> {
  const created = await account.resourcesOf(stack);
  const wrong = resources.filter((id) => created.get(id)?.status !== 'CREATE_COMPLETE');
  if (wrong.length > 0)
    throw new Error(wrong.map((id) => `${id} is ${created.get(id)?.status ?? 'missing'}`).join('\n'));
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('There is no free port');
  return address.port;
}
