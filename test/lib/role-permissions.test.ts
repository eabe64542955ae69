import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { TableClient } from '../../lambda/adapters/dynamodb/table-client.ts';
import { deployments, resourcesOf, type SynthesizedTemplate, synthesize } from '../support/synthesized-template.ts';

/** Least privilege, computed: a function's role has the actions that its code can ask for, and no others. */

const root = join(__dirname, '../..');

/** What stands behind the port of the table can do all that anybody asks for. */
const tableClient = /\/dynamodb\/[a-z]+-table-client\.ts$/;

/** IAM's prefix of a service, by the package of its client. */
const services: Record<string, string> = {
  'client-kms': 'kms',
  'client-lambda': 'lambda',
  'client-secrets-manager': 'secretsmanager',
};

/** What is authorised by another name than the command's. */
const operations: Record<string, string> = { Invoke: 'InvokeFunction' };

/** IAM's names for what the port of the table has. */
const tableActions: Record<keyof TableClient, string[] | 'its parts'> = {
  get: ['GetItem'],
  put: ['PutItem'],
  update: ['UpdateItem'],
  delete: ['DeleteItem'],
  query: ['Query'],
  batchGet: ['BatchGetItem'],
  transactWrite: 'its parts',
};
const parts = ['Put', 'Update', 'Delete', 'ConditionCheck'];

/** Our own source files that the bundle of a door is made of. */
async function sourcesOf(door: string): Promise<string[]> {
  const { metafile } = await build({
    entryPoints: [`lambda/functions/${door}.ts`],
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

/** IAM actions of the SDK's commands that a source file constructs. */
function actionsOf(source: string): string[] {
  const imports = source.matchAll(
    /(?<!import type )\{([^{}]*)\} (?:from|= await import\() ?'@aws-sdk\/((?:client|lib)-[\w-]+)'/g,
  );
  return Array.from(imports).flatMap(([, names = '', library = '']) => {
    const service = services[library];
    if (service === undefined) throw new Error(`Which actions does @aws-sdk/${library} need? Name its service here`);
    const commands = Array.from(names.matchAll(/\b(\w+)Command\b/g), ([, name]) => name!).filter((name) =>
      source.includes(`new ${name}Command(`),
    );
    return commands.map((name) => `${service}:${operations[name] ?? name}`);
  });
}

/** IAM actions of the table's operations that a source file asks for. */
function tableActionsOf(source: string): string[] {
  if (!source.includes("from './table-connection.ts'")) return [];
  return Object.entries(tableActions).flatMap(([operation, actions]) => {
    if (!new RegExp(`\\b(?:client|dynamodb)\\.${operation}\\(`).test(source)) return [];
    return (actions === 'its parts' ? partsOf(source) : actions).map((name) => `dynamodb:${name}`);
  });
}

/** A transaction is authorised by its parts. Whatever stands in its file under the name of a part is taken for one. */
function partsOf(source: string): string[] {
  const found = parts.filter((part) => new RegExp(`\\b${part}: `).test(source));
  if (found.length === 0) throw new Error('The parts of a transaction are not to be seen in its file');
  return found.map((part) => `${part}Item`);
}

/** Actions on data, keys and other functions that a function's role has. */
function grantedTo(door: string, template: SynthesizedTemplate): string[] {
  const policies = resourcesOf(template, 'AWS::IAM::Policy').filter(([, { Properties }]) =>
    Properties.Roles.some(({ Ref }: { Ref: string }) => Ref.startsWith(`${door}Role`)),
  );
  const actions: string[] = policies.flatMap(([, { Properties }]) =>
    Properties.PolicyDocument.Statement.flatMap(({ Action }: { Action: string | string[] }) => Action),
  );
  return distinct(actions.filter((action) => /^(dynamodb|kms|lambda|secretsmanager):/.test(action)));
}

const distinct = (all: string[]) => [...new Set(all)].sort();

const doors = [
  ['Authorizer', 'authorizer'],
  ['OAuth', 'oauth'],
  ['Mcp', 'mcp'],
  ['Worker', 'mcp'],
  ['Dashboard', 'dashboard'],
  ['Rollup', 'aggregation'],
] as const;

/** The worker's code is the MCP function's, and starts the worker only where it knows of one. */
const leftToOthers: Record<string, string[]> = { Worker: ['lambda:InvokeFunction'] };

describe.each(doors)('the %s function', (name, door) => {
  let used: string[];
  beforeAll(async () => {
    const asked = distinct(
      (await sourcesOf(door)).flatMap((source) => [...actionsOf(source), ...tableActionsOf(source)]),
    );
    used = asked.filter((action) => !leftToOthers[name]?.includes(action));
  });

  test('may do what its code does, and nothing else, where the stack has everything', () => {
    const [, everything] = deployments.find(([, { identityProvider, upstreamTokens }]) => {
      return identityProvider?.clientSecretArn !== undefined && upstreamTokens;
    })!;
    expect(grantedTo(name, synthesize(everything))).toEqual(used);
  });

  test.each(deployments)('may do nothing that its code does not do in %s', (_deployment, props) => {
    expect(used).toEqual(expect.arrayContaining(grantedTo(name, synthesize(props))));
  });
});

test('the code of the functions is read right', () => {
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
