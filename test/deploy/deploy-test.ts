/**
 * Deploys the stack with the CDK into an emulated AWS account: `cdk bootstrap`, `cdk deploy`, and a second `cdk deploy` of a
 * fresh synthesis, which must find no changes. Proves that CloudFormation can order and create the resources, and that
 * synthesis is reproducible. The behavior of the deployment is tested with the local emulator.
 *
 * `npm run test:deploy`. Needs ministack (`requirements.txt`), and is therefore not part of `npm test`. Without ministack
 * this program fails.
 */

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Resource types that ministack 1.4.21 does not support. They are removed from the templates; references become their ids. */
const unsupported: Record<string, string> = {
  'AWS::CloudFront::CachePolicy': 'it has no cache',
  'AWS::Cognito::ManagedLoginBranding': 'it has no managed login',
  'AWS::WAFv2::WebACLAssociation': 'it has web ACLs without associations',
};

const deployments: { name: string; stack: string; context: string[] }[] = [
  { name: 'dev, with Cognito, behind CloudFront', stack: 'Holdfast-dev', context: [] },
  {
    name: 'prod, with an identity provider, a domain and a firewall',
    stack: 'Holdfast-prod',
    context: [
      'stage=prod',
      'firewall=true',
      'alarmEmail=ops@example.com',
      'idpIssuer=https://login.example.com',
      'idpClientId=holdfast',
      'idpClientSecretArn=arn:aws:secretsmanager:us-east-1:000000000000:secret:holdfast-AbCdEf',
      'domainName=mcp.example.com',
      'certificateArn=arn:aws:acm:us-east-1:000000000000:certificate/0a1b',
    ],
  },
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'holdfast-deploy-'));
const port = await freePort();
const endpoint = `http://127.0.0.1:${port}`;

/** Excludes the configuration of the machine: these commands must not reach a real account. */
const environment = {
  PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`,
  HOME: folder,
  TMPDIR: folder,
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: 'emulated',
  AWS_SECRET_ACCESS_KEY: 'emulated',
  AWS_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
  CDK_DISABLE_CLI_TELEMETRY: 'true',
};

const emulator = startEmulator();
try {
  await step('ministack answers', isHealthy);
  await step('cdk bootstrap', () => cdk('bootstrap', 'aws://000000000000/us-east-1'));
  for (const { name, stack, context } of deployments) {
    console.log(`\n${name}`);
    const first = await step('cdk synth', () => synthesize(context));
    await step('cdk deploy', () => deploy(first.assembly));
    await step(`${first.resources.length} resources created`, () => allCreated(stack, first.resources));
    const second = await step('cdk synth', () => synthesize(context));
    await step('cdk deploy finds no changes', async () => {
      const output = await deploy(second.assembly);
      if (!output.includes('(no changes)')) throw new Error(output);
    });
  }
  console.log(`\nNot deployed, because ministack does not support them: ${Object.keys(unsupported).join(', ')}`);
} catch (error) {
  console.error(`\n${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  const ended = emulator.exitCode !== null || once(emulator, 'exit');
  emulator.kill();
  await ended;
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  process.stdout.write(`  ${name} … `);
  const result = await work();
  console.log(`${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

function startEmulator(): ChildProcess {
  const emulated = {
    ...environment,
    GATEWAY_PORT: String(port),
    BIND_HOST: '127.0.0.1',
    S3_DATA_DIR: join(folder, 's3'),
  };
  const child = spawn('ministack', { env: emulated, stdio: 'ignore' });
  child.on('error', () => {
    console.error(
      [
        '\n\n`ministack`, the emulated AWS account of this test, is not installed. It needs Python 3.10 or later:',
        '  python3 -m venv .holdfast/python',
        '  .holdfast/python/bin/pip install -r test/deploy/requirements.txt',
        '  PATH="$PWD/.holdfast/python/bin:$PATH" npm run test:deploy',
      ].join('\n'),
    );
    rmSync(folder, { recursive: true, force: true });
    process.exit(1);
  });
  return child;
}

async function isHealthy(): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    const answer = await fetch(`${endpoint}/_ministack/health`).catch(() => undefined);
    if (answer?.ok) return;
    if (emulator.exitCode !== null) throw new Error(`ministack ended with code ${emulator.exitCode}`);
    await sleep(200);
  }
  throw new Error('ministack did not answer within 30 seconds');
}

/** @throws Error with the output of the command */
async function cdk(...command: string[]): Promise<string> {
  const cli = join(root, 'node_modules/aws-cdk/bin/cdk');
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [cli, '--no-notices', ...command], {
    cwd: root,
    env: environment,
  }).catch(({ stdout, stderr }) => {
    throw new Error(`cdk ${command.join(' ')} failed:\n${stdout}${stderr}`);
  });
  return stdout + stderr;
}

/** Synthesizes a new cloud assembly. @returns its folder and the ids of the resources in its template */
async function synthesize(context: string[]): Promise<{ assembly: string; resources: string[] }> {
  const assembly = mkdtempSync(join(folder, 'assembly-'));
  await cdk('synth', '--strict', '--quiet', '--output', assembly, ...context.flatMap((each) => ['--context', each]));
  const file = join(assembly, 'Holdfast.template.json');
  const template: { Resources: Record<string, { Type: string }> } = JSON.parse(readFileSync(file, 'utf8'));
  const resources = Object.entries(template.Resources);
  const supported = resources.filter(([, { Type }]) => !(Type in unsupported));
  const withoutRemoved = resources
    .filter(([, { Type }]) => Type in unsupported)
    .reduce(
      (text, [id]) => text.replaceAll(`{"Ref":"${id}"}`, `"${id}"`),
      JSON.stringify({ ...template, Resources: Object.fromEntries(supported) }),
    );
  writeFileSync(file, withoutRemoved);
  // ministack does not support termination protection.
  const manifest = join(assembly, 'manifest.json');
  writeFileSync(
    manifest,
    readFileSync(manifest, 'utf8').replace('"terminationProtection": true', '"terminationProtection": false'),
  );
  return { assembly, resources: supported.map(([id]) => id) };
}

function deploy(assembly: string): Promise<string> {
  return cdk('deploy', '--app', assembly, '--require-approval', 'never');
}

/** @throws Error with every resource that CloudFormation does not report as created */
async function allCreated(stack: string, resources: string[]): Promise<void> {
  const states = await resourceStates(stack);
  const wrong = resources.filter((id) => states.get(id) !== 'CREATE_COMPLETE');
  if (wrong.length > 0) throw new Error(wrong.map((id) => `${id} is ${states.get(id) ?? 'missing'}`).join('\n'));
}

/** `DescribeStackResources` of CloudFormation in its query protocol: one call does not justify another SDK client. */
async function resourceStates(stack: string): Promise<Map<string, string>> {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      authorization: 'AWS4-HMAC-SHA256 Credential=emulated/20000101/us-east-1/cloudformation/aws4_request',
    },
    body: new URLSearchParams({ Action: 'DescribeStackResources', Version: '2010-05-15', StackName: stack }),
  });
  const members = (await answer.text()).split('<member>').slice(1);
  const text = (member: string, element: string) => new RegExp(`<${element}>([^<]*)<`).exec(member)?.[1] ?? '';
  return new Map(members.map((member) => [text(member, 'LogicalResourceId'), text(member, 'ResourceStatus')]));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('There is no free port');
  return address.port;
}
