/**
 * Deploys the stack with the CDK into an emulated AWS account: `cdk bootstrap`, `cdk deploy`, and a second `cdk deploy` of a
 * fresh synthesis, which must find no changes. Proves that CloudFormation can order and create the resources, and that
 * synthesis is reproducible. The creation of a `prod` stack fails at four resources in turn; each failure leaves only what
 * `docs/deploy.md` lists, and the command of `docs/deploy.md` is repeated until it succeeds. `holdfast preflight` reads the
 * account in between. The behavior of the deployment is tested with the local emulator.
 *
 * ministack orders, creates, rolls back and deletes as CloudFormation does, with `DeletionPolicy` (also
 * `RetainExceptOnCreate`) and termination protection. Its user pools can be deleted in spite of their deletion protection.
 * `test/lib/failed-creation.test.ts` proves for every variant that no rollback deletes a protected resource.
 *
 * `npm run test:deploy`. Needs ministack (`requirements.txt`), and is therefore not part of `npm test`. Without ministack
 * this program fails.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertCreated, removeUnsupported, startEmulatedAccount, unsupported } from './emulated-account.ts';

type TemplateResource = { Type: string; Properties?: object; DependsOn?: string[]; DeletionPolicy?: string };

const TEMPLATE = 'Holdfast.template.json';

const domain = ['domainName=mcp.example.com', 'certificateArn=arn:aws:acm:us-east-1:000000000000:certificate/0a1b'];

const prod = ['stage=prod', 'alarmEmail=ops@example.com', ...domain];

const prodWithProvider = [
  ...prod,
  'firewall=true',
  'manageApiGatewayAccount=true',
  'idpIssuer=https://login.example.com',
  'idpClientId=holdfast',
  'idpClientSecretArn=arn:aws:secretsmanager:us-east-1:000000000000:secret:holdfast-AbCdEf',
];

/** The resources at which a creation fails: the first one of the type. */
const failures: [name: string, type: string][] = [
  ['certificate', 'AWS::ApiGateway::DomainName'],
  ['pool domain', 'AWS::Cognito::UserPoolDomain'],
  ['function', 'AWS::Lambda::Function'],
  ['alarm topic', 'AWS::SNS::Topic'],
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const start = performance.now();
const account = await startEmulatedAccount().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
try {
  await step('holdfast preflight finds no bootstrap stack', () =>
    preflight([], { bootstrap: /^fail .*not bootstrapped/ }),
  );
  await step('cdk bootstrap', () => cdk('bootstrap', 'aws://000000000000/us-east-1'));
  await deployDev();
  await repeatFailedProd();
  await deployWithProvider();
  console.log(`\nNot deployed, because ministack does not support them: ${Object.keys(unsupported).join(', ')}`);
  console.log(`ok  ${Math.round((performance.now() - start) / 1000)} s`);
} catch (error) {
  console.error(`\n${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await account.close();
}

async function deployDev(): Promise<void> {
  console.log('\ndev, with Cognito, behind CloudFront');
  const before = await account.chargedResources();
  const assembly = await deployTwice('Holdfast-dev', []);
  await step('cdk destroy leaves no data', async () => {
    await cdk('destroy', '--app', assembly, '--force');
    assert.deepEqual(await account.chargedResources(), before);
    assert.deepEqual(await account.remainingTypes('Holdfast-dev'), []);
  });
}

async function repeatFailedProd(): Promise<void> {
  console.log('\nprod, with Cognito, a domain and alarms, whose first deployment fails');
  const before = await account.chargedResources();
  const [unprotected, { assembly }] = await step('cdk synth, unprotected and protected', () =>
    Promise.all([synthesize([...prod, 'terminationProtection=false']), synthesize(prod)]),
  );
  await step('a protected stack whose creation failed rejects the next attempt, until it is unprotected', async () => {
    await fail(assembly, 'AWS::Lambda::Function');
    await assert.rejects(deploy(assembly), /TerminationProtection is enabled/);
    await account.removeTerminationProtection('Holdfast-prod');
  });
  for (const [name, type] of failures) {
    await step(`cdk deploy fails at the ${name}, and leaves an empty table and user pool`, async () => {
      await fail(unprotected.assembly, type);
      const remaining = ['AWS::Cognito::UserPool', 'AWS::DynamoDB::GlobalTable'];
      assert.deepEqual(await account.remainingTypes('Holdfast-prod'), remaining);
      assert.deepEqual(await account.chargedResources(), before);
    });
  }
  await step('holdfast preflight finds the failed stack', () =>
    preflight(prod, { stack: /^ok .* is in the status ROLLBACK_COMPLETE: the deployment deletes it/ }),
  );
  await step('the same command succeeds', () => deploy(unprotected.assembly));
  await step(`${unprotected.resources.length} resources created`, () =>
    assertCreated(account, 'Holdfast-prod', unprotected.resources),
  );
  await step('cdk deploy without terminationProtection=false protects the stack', async () => {
    assert.match(await deploy(assembly), /\(no changes\)/);
    await assert.rejects(cdk('destroy', '--app', assembly, '--force'), /TerminationProtection is enabled/);
  });
  await step('cdk destroy of the unprotected stack keeps its data', async () => {
    await account.removeTerminationProtection('Holdfast-prod');
    const deployed = await account.chargedResources();
    await cdk('destroy', '--app', assembly, '--force');
    assert.deepEqual(await account.chargedResources(), deployed);
  });
}

async function deployWithProvider(): Promise<void> {
  console.log('\nprod, with an identity provider, a domain and a firewall');
  await deployTwice('Holdfast-prod', prodWithProvider);
}

/** @returns the folder of the second cloud assembly */
async function deployTwice(stack: string, context: string[]): Promise<string> {
  const ofDomain = (found: string): Record<string, RegExp> =>
    context.some((each) => each.startsWith('domainName=')) ? { 'domain/name': new RegExp(`^ok .* ${found}$`) } : {};
  const [first, second] = await step('cdk synth, twice', () => Promise.all([synthesize(context), synthesize(context)]));
  await step('holdfast preflight finds a free name', () =>
    preflight(context, { bootstrap: /^ok version/, stack: /^ok .* does not exist/, ...ofDomain('is free') }),
  );
  await step('cdk deploy', () => deploy(first.assembly));
  await step('holdfast preflight finds the stack and its domain', () =>
    preflight(context, { stack: /^ok .* is updated$/, ...ofDomain('belongs to the stack') }),
  );
  await step(`${first.resources.length} resources created`, () => assertCreated(account, stack, first.resources));
  await step('cdk deploy of the second synthesis finds no changes', async () => {
    assert.match(await deploy(second.assembly), /\(no changes\)/);
  });
  return second.assembly;
}

async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const begin = performance.now();
  process.stdout.write(`  ${name} … `);
  const result = await work();
  console.log(`${((performance.now() - begin) / 1000).toFixed(1)} s`);
  return result;
}

/** @throws Error with the output of the command */
async function cdk(...command: string[]): Promise<string> {
  const cli = join(root, 'node_modules/aws-cdk/bin/cdk');
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [cli, '--no-notices', ...command], {
    cwd: root,
    env: { ...account.environment, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` },
    maxBuffer: 16 * 1024 * 1024,
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
  return { assembly, resources: removeUnsupported(assembly, TEMPLATE) };
}

function deploy(assembly: string): Promise<string> {
  return cdk('deploy', '--app', assembly, '--require-approval', 'never');
}

/**
 * Deploys a copy of the cloud assembly in which the creation of one resource fails, after that of all resources that a
 * rollback could leave. It becomes a custom resource without a function, whose creation CloudFormation attempts.
 */
async function fail(assembly: string, type: string): Promise<void> {
  const copy = mkdtempSync(join(account.folder, 'failing-'));
  cpSync(assembly, copy, { recursive: true });
  const file = join(copy, TEMPLATE);
  const template: { Resources: Record<string, TemplateResource> } = JSON.parse(readFileSync(file, 'utf8'));
  const resources = Object.entries(template.Resources);
  const [id, failing] = resources.find(([, { Type }]) => Type === type) ?? [];
  assert.ok(id !== undefined && failing !== undefined, `The template has no ${type}`);
  failing.Type = 'Custom::Failing';
  failing.Properties = { ServiceToken: 'arn:aws:lambda:us-east-1:000000000000:function:absent' };
  const remaining = resources.filter(
    ([, { Type, DeletionPolicy }]) => DeletionPolicy !== undefined && !Type.startsWith('Custom::'),
  );
  failing.DependsOn = remaining.map(([each]) => each);
  const changed = JSON.stringify(template);
  writeFileSync(file, changed);
  // The CDK uploads no second template under the hash that the assembly states.
  const manifest = readFileSync(join(copy, 'manifest.json'), 'utf8');
  const [, stated] = /([\da-f]{64})\.json"/.exec(manifest)!;
  for (const name of ['manifest.json', 'Holdfast.assets.json']) {
    const text = readFileSync(join(copy, name), 'utf8');
    writeFileSync(join(copy, name), text.replaceAll(stated!, createHash('sha256').update(changed).digest('hex')));
  }
  await assert.rejects(deploy(copy), new RegExp(`CREATE_FAILED .*\\(${id}\\)`));
}
