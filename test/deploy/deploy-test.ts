/**
 * Deploys the stack with the CDK into an emulated AWS account: `cdk bootstrap`, `cdk deploy`, and a second `cdk deploy` of a
 * fresh synthesis, which must find no changes. Proves that CloudFormation can order and create the resources, and that
 * synthesis is reproducible. The behavior of the deployment is tested with the local emulator.
 *
 * `npm run test:deploy`. Needs ministack (`requirements.txt`), and is therefore not part of `npm test`. Without ministack
 * this program fails.
 */

import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertCreated, removeUnsupported, startEmulatedAccount, unsupported } from './emulated-account.ts';

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
const account = await startEmulatedAccount().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
try {
  await step('cdk bootstrap', () => cdk('bootstrap', 'aws://000000000000/us-east-1'));
  for (const { name, stack, context } of deployments) {
    console.log(`\n${name}`);
    const first = await step('cdk synth', () => synthesize(context));
    await step('cdk deploy', () => deploy(first.assembly));
    await step(`${first.resources.length} resources created`, () => assertCreated(account, stack, first.resources));
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
  await account.close();
}

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  process.stdout.write(`  ${name} … `);
  const result = await work();
  console.log(`${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}

/** @throws Error with the output of the command */
async function cdk(...command: string[]): Promise<string> {
  const cli = join(root, 'node_modules/aws-cdk/bin/cdk');
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [cli, '--no-notices', ...command], {
    cwd: root,
    env: { ...account.environment, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` },
  }).catch(({ stdout, stderr }) => {
    throw new Error(`cdk ${command.join(' ')} failed:\n${stdout}${stderr}`);
  });
  return stdout + stderr;
}

/** Synthesizes a new cloud assembly. @returns its folder and the ids of the resources in its template */
async function synthesize(context: string[]): Promise<{ assembly: string; resources: string[] }> {
  const assembly = mkdtempSync(join(account.folder, 'assembly-'));
  await cdk('synth', '--strict', '--quiet', '--output', assembly, ...context.flatMap((each) => ['--context', each]));
  return { assembly, resources: removeUnsupported(assembly, 'Holdfast.template.json') };
}

function deploy(assembly: string): Promise<string> {
  return cdk('deploy', '--app', assembly, '--require-approval', 'never');
}
