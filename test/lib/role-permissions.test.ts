import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { TableClient } from '../../lambda/adapters/dynamodb/client/table-client.ts';
import { deployments, resourcesOf, type SynthesizedTemplate, synthesize } from '../support/synthesized-template.ts';

/** Least privilege, computed: a function's role permits the actions that its code calls, and no others. */

const root = join(__dirname, '../..');

/** The implementations of the table client contain every operation, so they do not count as a use. */
const tableClient = /\/dynamodb\/[a-z]+-table-client\.ts$/;

/** IAM's prefix of a service, by the package of its client. */
const services: Record<string, string> = {
  'client-lambda': 'lambda',
  'client-secrets-manager': 'secretsmanager',
};

/** Commands whose IAM action has another name. */
const operations: Record<string, string> = { Invoke: 'InvokeFunction' };

/** The IAM actions of the table client's operations. */
const tableActions: Record<keyof TableClient, string[]> = {
  get: ['GetItem'],
  put: ['PutItem'],
  update: ['UpdateItem'],
  delete: ['DeleteItem'],
  query: ['Query'],
  batchGet: ['BatchGetItem'],
  transactWrite: [],
};
const transactionMembers = ['Put', 'Update', 'Delete', 'ConditionCheck'];

/** The project's source files in the bundle of a function. */
async function sourcesOf(entry: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [`lambda/functions/${entry}.ts`],
    absWorkingDir: root,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    outfile: 'index.mjs',
    write: false,
    metafile: true,
  });
  const files = Object.keys(metafile.inputs).filter((file) => !tableClient.test(file));
  return files.map((file) => readFileSync(join(root, file), 'utf8'));
}

/** IAM actions of the SDK's commands that a source file constructs, and of the operations of KMS that it requests. */
function actionsOf(source: string): string[] {
  const imports = source.matchAll(
    /(?<!import type )\{([^{}]*)\} (?:from|= await import\() ?'@aws-sdk\/((?:client|lib)-[\w-]+)'/g,
  );
  const ofCommands = Array.from(imports).flatMap(([, names = '', library = '']) => {
    const service = services[library];
    if (service === undefined) throw new Error(`Which actions does @aws-sdk/${library} need? Add its service here`);
    const commands = Array.from(names.matchAll(/\b(\w+)Command\b/g), ([, name]) => name!).filter((name) =>
      source.includes(`new ${name}Command(`),
    );
    return commands.map((name) => `${service}:${operations[name] ?? name}`);
  });
  return [...ofCommands, ...Array.from(source.matchAll(/\bkms\('(\w+)'/g), ([, name]) => `kms:${name}`)];
}

/** IAM actions of the table operations that a source file calls. */
function tableActionsOf(source: string): string[] {
  if (!source.includes("table-connection.ts'")) return [];
  const called = Object.entries(tableActions).flatMap(([operation, actions]) =>
    new RegExp(`\\b(?:client|dynamodb)\\.${operation}\\(`).test(source) ? actions : [],
  );
  return [...called, ...memberActionsOf(source)].map((name) => `dynamodb:${name}`);
}

/** IAM authorizes a transaction by its members. Any property of a member's name in the file counts as one. */
function memberActionsOf(source: string): string[] {
  return transactionMembers.filter((part) => new RegExp(`\\b${part}: `).test(source)).map((part) => `${part}Item`);
}

/** Actions on data, keys and other functions that a function's role permits. */
function grantedTo(name: string, template: SynthesizedTemplate): string[] {
  const policies = resourcesOf(template, 'AWS::IAM::Policy').filter(([, { Properties }]) =>
    Properties.Roles.some(({ Ref }: { Ref: string }) => Ref.startsWith(`${name}Role`)),
  );
  const actions: string[] = policies.flatMap(([, { Properties }]) =>
    Properties.PolicyDocument.Statement.flatMap(({ Action }: { Action: string | string[] }) => Action),
  );
  return distinct(actions.filter((action) => /^(dynamodb|kms|lambda|secretsmanager):/.test(action)));
}

const distinct = (all: string[]) => [...new Set(all)].sort();

const functions = [
  ['Authorizer', 'authorizer'],
  ['OAuth', 'oauth'],
  ['Mcp', 'mcp'],
  ['Worker', 'mcp'],
  ['Dashboard', 'dashboard'],
  ['Rollup', 'aggregation'],
  ['PublicKeys', 'public-key-reader'],
] as const;

/**
 * The worker has the code of the MCP function, which invokes the worker only if it has a `WORKER_FUNCTION`. The aggregation job
 * and the export have the reader of the audit log, and read no calls by their keys.
 */
const unusedActions: Record<string, string[]> = {
  Worker: ['lambda:InvokeFunction'],
  Rollup: ['dynamodb:BatchGetItem'],
  Telemetry: ['dynamodb:BatchGetItem'],
  AuditTools: [],
};

/** By the name of the deployment. */
const templates = new Map(deployments.map(([name, props]) => [name, synthesize(props)]));

test('the role of the telemetry function permits exactly the actions of its code', async () => {
  const headers = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:headers-AbCdEf';
  const template = synthesize({ telemetry: { endpoint: 'https://otlp.example.com', headers } });
  const called = (await sourcesOf('telemetry')).flatMap((source) => [...actionsOf(source), ...tableActionsOf(source)]);
  const used = distinct(called).filter((action) => !unusedActions.Telemetry!.includes(action));
  expect(grantedTo('Telemetry', template)).toEqual(used);
});

test('the role of the audit tools permits exactly the actions of its code', async () => {
  const called = (await sourcesOf('audit-tools')).flatMap((source) => [
    ...actionsOf(source),
    ...tableActionsOf(source),
  ]);
  const used = distinct(called).filter((action) => !unusedActions.AuditTools!.includes(action));
  expect(grantedTo('AuditTools', synthesize({ auditTools: true }))).toEqual(used);
});

test('the role of the sign-in function permits exactly the actions of its code', async () => {
  const clientSecret = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:holdfast-AbCdEf';
  const identityProvider = {
    mode: 'direct',
    issuer: 'https://login.example.com',
    clientId: 'a',
    clientSecret,
  } as const;
  const template = synthesize({ showNames: 'name', identityProvider });
  const called = (await sourcesOf('dashboard-sign-in')).flatMap((source) => [
    ...actionsOf(source),
    ...tableActionsOf(source),
  ]);
  expect(grantedTo('SignIn', template)).toEqual(distinct(called));
});

describe.each(functions)('the role of the %s function', (name, entry) => {
  let used: string[];
  beforeAll(async () => {
    const called = distinct(
      (await sourcesOf(entry)).flatMap((source) => [...actionsOf(source), ...tableActionsOf(source)]),
    );
    used = called.filter((action) => !unusedActions[name]?.includes(action));
  });

  test('permits exactly the actions of its code when every feature is enabled', () => {
    const [everything] = deployments.find(([, { identityProvider, upstreamTokens }]) => {
      return identityProvider?.clientSecret !== undefined && upstreamTokens;
    })!;
    expect(grantedTo(name, templates.get(everything)!)).toEqual(used);
  });

  test.each(deployments)('permits no action beyond its code in %s', (deployment) => {
    expect(used).toEqual(expect.arrayContaining(grantedTo(name, templates.get(deployment)!)));
  });
});

test('actions are found in source code', () => {
  const source = `
    import { reaching, type Table } from './table-connection.ts';
    await reaching(dynamodb.get({}));
    await client.transactWrite({ TransactItems: [{ Put: {} }, { ConditionCheck: {} }] });
    const { GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
    new GetSecretValueCommand({});
  `;
  expect([...actionsOf(source), ...tableActionsOf(source)].sort()).toEqual([
    'dynamodb:ConditionCheckItem',
    'dynamodb:GetItem',
    'dynamodb:PutItem',
    'secretsmanager:GetSecretValue',
  ]);
});
