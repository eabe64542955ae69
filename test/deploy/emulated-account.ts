/** An AWS account that ministack emulates, for `cdk bootstrap` and `cdk deploy`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Resource types that ministack 1.4.21 does not support. They are removed from the templates; references become their ids. */
export const unsupported: Record<string, string> = {
  'AWS::CDK::Metadata': 'it reports no resource of this type',
  'AWS::CloudFront::CachePolicy': 'it has no cache',
  'AWS::Cognito::ManagedLoginBranding': 'it has no managed login',
  'AWS::WAFv2::WebACLAssociation': 'it has web ACLs without associations',
};

/** A resource as CloudFormation reports it. `status` is such as `CREATE_COMPLETE`. */
export type StackResource = { status: string; physicalId: string };

export type EmulatedAccount = {
  /** A folder for cloud assemblies, which is deleted with the account. */
  folder: string;
  /** Excludes the configuration of the machine: the commands must not reach a real account. */
  environment: Record<string, string>;
  /** The resources of a stack by logical id. */
  resourcesOf(stack: string): Promise<Map<string, StackResource>>;
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
  return { folder, environment, resourcesOf: (stack) => resourcesOf(endpoint, stack), close };
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

/**
 * Removes from a cloud assembly what ministack does not support.
 *
 * @param template name of the template's file
 * @returns the ids of the other resources
 */
export function removeUnsupported(assembly: string, template: string): string[] {
  const file = join(assembly, template);
  const content: { Resources: Record<string, { Type: string }> } = JSON.parse(readFileSync(file, 'utf8'));
  const resources = Object.entries(content.Resources);
  const supported = resources.filter(([, { Type }]) => !(Type in unsupported));
  const withoutRemoved = resources
    .filter(([, { Type }]) => Type in unsupported)
    .reduce(
      (text, [id]) => text.replaceAll(`{"Ref":"${id}"}`, `"${id}"`),
      JSON.stringify({ ...content, Resources: Object.fromEntries(supported) }),
    );
  writeFileSync(file, withoutRemoved);
  // ministack does not support termination protection.
  const manifest = join(assembly, 'manifest.json');
  writeFileSync(
    manifest,
    readFileSync(manifest, 'utf8').replace('"terminationProtection": true', '"terminationProtection": false'),
  );
  return supported.map(([id]) => id);
}

/** `DescribeStackResources` of CloudFormation in its query protocol: one call does not justify another SDK client. */
async function resourcesOf(endpoint: string, stack: string): Promise<Map<string, StackResource>> {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      authorization: 'AWS4-HMAC-SHA256 Credential=emulated/20000101/us-east-1/cloudformation/aws4_request',
    },
    body: new URLSearchParams({ Action: 'DescribeStackResources', Version: '2010-05-15', StackName: stack }),
  });
  const members = (await answer.text()).split('<member>').slice(1);
  const text = (member: string, element: string) => new RegExp(`<${element}>([^<]*)<`).exec(member)?.[1] ?? '';
  return new Map(
    members.map((member) => [
      text(member, 'LogicalResourceId'),
      { status: text(member, 'ResourceStatus'), physicalId: text(member, 'PhysicalResourceId') },
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
