/**
 * Packs both packages and installs them into fresh projects, as owners do: `create`, installation, type check, the
 * project's tests, the local emulator with the clients of both SDKs, and a deployment.
 *
 * `npm run test:package`, or with a part of a project's name: `-- pnpm`. It installs packages from the registry, and is
 * therefore not part of `npm test`. The deployment needs ministack (test/deploy/requirements.txt).
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { assistants } from '../../bench/harness/mcp-clients.ts';
import { packageFolder } from '../../lib/package-files.ts';
import {
  assertCreated,
  type EmulatedAccount,
  removeUnsupported,
  startEmulatedAccount,
} from '../deploy/emulated-account.ts';
import { InstalledProject } from './installed-project.ts';
import { checkFunctions } from './packed-functions.ts';
import { packAll } from './packed-packages.ts';

type Command = [program: string, ...args: string[]];

const pnpm: Command = ['npx', '--yes', 'pnpm@12.21.0'];
const npmExec: Command = ['npm', 'exec', '--yes', '--'];
const { devDependencies } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
const cdkInit = ['npx', '--yes', `aws-cdk@${devDependencies['aws-cdk']}`, 'init', 'app'] as const;

const projects: Record<string, (project: InstalledProject) => Promise<void>> = {
  'npm create, TypeScript 7': async (project) => {
    await create(project, npmExec);
    await install(project, ['npm']);
    await testStack(project);
    await checkTypes(project);
    await project.step('cdk synth builds the server alone, and has the functions of the clone', () =>
      checkFunctions(project, 'MyServer.template.json'),
    );
    await validateOwnResource(project);
    await useEmulator(project);
    await deploy(project);
  },

  'pnpm create, TypeScript 5.9': async (project) => {
    await create(project, [...pnpm, 'dlx']);
    project.change('package.json', (text) => text.replace(/"typescript": ".*"/, '"typescript": "5.9.3"'));
    await install(project, pnpm);
    await checkTypes(project);
    await useEmulator(project);
  },

  'npm create --javascript': async (project) => {
    await create(project, npmExec, '--javascript');
    await install(project, ['npm']);
    const scope = declareScopes(project);
    await useEmulator(project, scope);
    await testWithoutClient(project);
  },

  'npm create --existing in an app of cdk init: CommonJS, tsx, TypeScript 7': async (project) => {
    await initialize(project);
    await addServer(project);
    await useEmulator(project);
  },

  'npm create --existing in an older app: CommonJS, ts-node, TypeScript 5.8': async (project) => {
    await initialize(project);
    project.change('package.json', (text) =>
      text.replace(/"typescript": ".*"/, '"typescript": "5.8.3"').replace(/"tsx": ".*"/, '"ts-node": "10.9.2"'),
    );
    project.change('cdk.json', (text) =>
      text.replace(/"app": ".*"/, '"app": "npx ts-node --prefer-ts-exts bin/my-server.ts"'),
    );
    await addServer(project);
    await checkTypes(project);
    await project.step('cdk synth', () => project.run('npx', 'cdk', 'synth', '--quiet'));
  },
};

/** Creates the project from the template, by a package manager that runs `create`. */
async function create(project: InstalledProject, [program, ...args]: Command, ...options: string[]): Promise<void> {
  await project.step('create', () =>
    project.runWith(
      { cwd: project.parent },
      ...([
        program,
        ...args,
        `file:${packages.create}`,
        'my-server',
        '--holdfast',
        `file:${packages.holdfast}`,
      ] as const),
      ...options,
    ),
  );
}

/** Installs the dependencies, and runs the tests of the template. */
async function install(project: InstalledProject, [program, ...args]: Command): Promise<void> {
  await project.step('install', () => project.run(program, ...args, 'install'));
  await project.step('test', () => project.run(program, ...args, 'test'));
}

/** The whole stack, by `holdfast/testing`. The template has tests of the server alone. */
const stackTest = `
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startHoldfast } from 'holdfast/testing';

test('adds an item as deployed', async () => {
  const server = await startHoldfast();
  try {
    const client = await server.connect({ user: 'eve', groups: ['cooks'] });
    const { content } = await client.callTool({ name: 'add_item', arguments: { item: 'limes' } });
    assert.deepEqual(content, [{ type: 'text', text: 'limes' }]);
    assert.match(JSON.stringify(await client.callTool({ name: 'whoami' })), /cooks/);
  } finally {
    await server.close();
  }
});
`;

async function testStack(project: InstalledProject): Promise<void> {
  const file = 'test/deployed.test.ts';
  writeFileSync(join(project.folder, file), stackTest);
  await project.step('a test of the stack with holdfast/testing', () => project.run('node', '--test', file));
}

/** The client of the SDK is an optional peer. */
async function testWithoutClient(project: InstalledProject): Promise<void> {
  rmSync(join(project.folder, 'node_modules/@modelcontextprotocol/client'), { recursive: true });
  await project.step('a test without the client of the SDK says how to install it', () =>
    assert.rejects(
      project.run('node', '--test', 'test/server.test.js'),
      /connect needs a client: npm install --save-dev @modelcontextprotocol\/client/,
    ),
  );
}

/** Also the declarations of the packages, among them those of Holdfast, and without the types of a browser. */
async function checkTypes(project: InstalledProject): Promise<void> {
  const check = ['tsc', '--noEmit', '--skipLibCheck', 'false', '--lib', 'es2024'];
  await project.step('type check', () => project.run('npx', ...check));
}

/** Declares scopes in a file of the project. @returns the scope that every tool needs */
function declareScopes(project: InstalledProject): string {
  const declaration = "{ scopes: { lists: { description: 'Use your lists' } }, tools: {} }";
  writeFileSync(
    join(project.folder, 'src/scopes.js'),
    `import { declareScopes } from 'holdfast';\nexport const scopes = declareScopes(${declaration});\n`,
  );
  project.change('bin/app.js', (text) =>
    `import { scopes } from '../src/scopes.js';\n${text}`.replace('...settings,', '...settings,\n  scopes,'),
  );
  return 'lists';
}

/** Calls a tool of the template in both eras. @param scope that the challenge names */
async function useEmulator(project: InstalledProject, scope = 'mcp'): Promise<void> {
  await project.step('holdfast dev, the clients of both SDKs, doctor, calls', () =>
    project.withEmulator(async (url) => {
      const challenge = await fetch(url, { method: 'POST' });
      assert.match(challenge.headers.get('www-authenticate') ?? '', new RegExp(`scope="${scope}"`));
      for (const [, connect] of assistants) {
        const assistant = await connect(url, 'ada');
        assert.deepEqual(await assistant.listTools(), ['whoami', 'add_item', 'clear_list']);
        const { text, isError } = await assistant.call('add_item', { item: 'lemons' });
        assert.deepEqual([isError, text.split('\n').at(-1)], [false, 'lemons']);
        await assistant.close();
      }
      const report = await project.run('npx', 'holdfast', 'doctor', url, '--register', '--json');
      const { findings } = JSON.parse(report) as { findings: { verdict: string }[] };
      assert.ok(findings.length > 0);
      assert.deepEqual(
        findings.filter(({ verdict }) => verdict === 'warn' || verdict === 'fail'),
        [],
      );
      assert.match(await project.run('npx', 'holdfast', 'calls', 'list', '--local'), /add_item/);
    }),
  );
}

/** A CDK app as `cdk init` writes it. */
async function initialize(project: InstalledProject): Promise<void> {
  project.makeFolder();
  await project.step('cdk init', () => project.run(...cdkInit, '--language', 'typescript', '--generate-only'));
}

/** Adds the server to a CDK app, and follows the printed instructions. */
async function addServer(project: InstalledProject): Promise<void> {
  const printed = await project.step('create --existing', () =>
    project.run(...npmExec, `file:${packages.create}`, '--existing', '--holdfast', `file:${packages.holdfast}`),
  );
  const [, installation] = /^1\. (npm install .*)$/m.exec(printed) ?? [];
  const [, imported, constructed] = /^ *(import .*)\n *(new HoldfastStack.*)$/m.exec(printed) ?? [];
  assert.ok(installation && imported && constructed, printed);
  await project.step('install', () => project.run('sh', '-c', installation));
  // The app keeps its empty stack: the emulator finds the one of Holdfast.
  project.change('bin/my-server.ts', (text) => `${imported}\n${text.replace(/^#!.*\n/, '')}\n${constructed}\n`);
}

/** The app remembers the template of the project itself as valid. */
async function validateOwnResource(project: InstalledProject): Promise<void> {
  const app = project.read('bin/app.ts');
  const queue = "new CfnQueue(stack, 'Queue', { visibilityTimeout: 43_201 });";
  project.change('bin/app.ts', () => `import { CfnQueue } from 'aws-cdk-lib/aws-sqs';\n${app}${queue}\n`);
  await project.step('cdk synth reports a wrong property of a resource of the owner', () =>
    assert.rejects(project.run('npx', 'cdk', 'synth', '--quiet'), /43201 is greater than the maximum of 43200/),
  );
  project.change('bin/app.ts', () => app);
}

/** Deploys into the emulated account. */
async function deploy(project: InstalledProject): Promise<void> {
  if (account === undefined) return;
  const { folder, environment } = account;
  const assembly = mkdtempSync(join(folder, 'assembly-'));
  const cdk = (...args: string[]) => project.runWith({ env: environment }, 'npx', 'cdk', '--no-notices', ...args);
  await project.step('cdk bootstrap and cdk deploy', async () => {
    await cdk('bootstrap', 'aws://000000000000/us-east-1');
    await cdk('synth', '--quiet', '--output', assembly);
    const resources = removeUnsupported(assembly, 'MyServer.template.json');
    await cdk('deploy', '--app', assembly, '--require-approval', 'never');
    await assertCreated(account, 'MyServer-dev', resources);
  });
}

/** Without ministack there is no deployment. Where everything must run, this is a failure. */
async function startAccount(): Promise<EmulatedAccount | undefined> {
  try {
    return await startEmulatedAccount();
  } catch (error) {
    if (process.env.CI) throw error;
    console.log(`NOT RUN: cdk deploy. ${(error as Error).message}`);
    return undefined;
  }
}

const start = performance.now();
const packages = await packAll();
const account = await startAccount();
const [part = ''] = process.argv.slice(2);
const queue = Object.entries(projects).filter(([name]) => name.includes(part));
assert.ok(queue.length > 0, `no project has ${JSON.stringify(part)} in its name`);

/** Checks one project after another. */
async function work(): Promise<void> {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [name, check] = next;
    const project = new InstalledProject(name);
    try {
      await check(project);
    } catch (error) {
      process.exitCode = 1;
      console.error(`FAILED  ${name}\n${error instanceof Error ? error.stack : error}`);
    } finally {
      project.delete();
    }
  }
}

try {
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
} finally {
  await account?.close();
  rmSync(packages.folder, { recursive: true });
}
console.log(`${process.exitCode ? 'failed' : 'ok'}  ${((performance.now() - start) / 1000).toFixed(0)} s in total`);
