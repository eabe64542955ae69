/**
 * Deploys the stack with the CDK into an emulated AWS account: `cdk bootstrap`, `cdk deploy`, and a second `cdk deploy` of a
 * fresh synthesis, which must find no changes. Proves that CloudFormation can order and create the resources, and that
 * synthesis is reproducible. `holdfast preflight` reads the account before and after. The behavior of the deployment is tested with the local emulator.
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
  await step('holdfast preflight finds no bootstrap stack', () =>
    preflight([], { bootstrap: /^fail .*not bootstrapped/ }),
  );
  await step('cdk bootstrap', () => cdk('bootstrap', 'aws://000000000000/us-east-1'));
  for (const { name, stack, context } of deployments) {
    console.log(`\n${name}`);
    const domain = (found: string): Record<string, RegExp> =>
      context.some((each) => each.startsWith('domainName=')) ? { 'domain/name': new RegExp(`^ok .* ${found}$`) } : {};
    const first = await step('cdk synth', () => synthesize(context));
    await step('holdfast preflight finds a free name', () =>
      preflight(context, { bootstrap: /^ok version/, stack: /^ok .* does not exist/, ...domain('is free') }),
    );
    await step('cdk deploy', () => deploy(first.assembly));
    await step('holdfast preflight finds the stack and its domain', () =>
      preflight(context, { stack: /^ok .* is updated$/, ...domain('belongs to the stack') }),
    );
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

/**
 * The findings of `holdfast preflight`. Others than the expected ones can fail: ministack lacks services and certificates.
 *
 * @param expected verdict and finding by the name of the check
 * @throws Error with the findings, unless they are as expected
 */
async function preflight(context: string[], expected: Record<string, RegExp>): Promise<void> {
  const args = [join(root, 'bin/cli.ts'), 'preflight', '--json', ...context.flatMap((each) => ['-c', each])];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, env: account.environment }).catch(
    (error: { stdout: string; stderr: string }) => {
      if (error.stdout === '') throw new Error(error.stderr);
      return error;
    },
  );
  const { findings } = JSON.parse(stdout) as { findings: { check: string; verdict: string; found: string }[] };
  for (const [check, pattern] of Object.entries(expected)) {
    const texts = findings.filter((each) => each.check === check).map(({ verdict, found }) => `${verdict} ${found}`);
    if (!texts.some((text) => pattern.test(text))) throw new Error(`${check} is not ${pattern}:\n${stdout}`);
  }
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
