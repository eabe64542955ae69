/**
 * Upgrades an owner's project from the package of the last release (`released/release-point.json`) to that of the working
 * tree, and back: the local emulator with its data, and a stack in an emulated AWS account. Sessions, grants, registered
 * clients, state of tools and the audit log must go on, and no resource with state may be replaced.
 *
 * `npm run test:upgrade`. It installs packages from the registry and needs ministack (`test/deploy/requirements.txt`), and is
 * therefore not part of `npm test`.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import { freePort, removeUnsupported, startEmulatedAccount } from '../deploy/emulated-account.ts';
import { InstalledProject } from '../package/installed-project.ts';
import { ContinuingClient } from './continuing-client.ts';
import { extractSources, readReleasePoint } from './release-point.ts';
import { statefulResources } from './stateful-resources.ts';

const { dependencies, devDependencies } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
const { context } = JSON.parse(readFileSync(join(projectRoot, 'cdk.json'), 'utf8'));

const STACK = 'MyServer';

const files = {
  'package.json': JSON.stringify({
    private: true,
    type: 'module',
    dependencies: {
      '@modelcontextprotocol/server': dependencies['@modelcontextprotocol/server'],
      'aws-cdk-lib': dependencies['aws-cdk-lib'],
      constructs: dependencies.constructs,
      zod: dependencies.zod,
    },
    devDependencies: { 'aws-cdk': devDependencies['aws-cdk'] },
  }),
  'cdk.json': JSON.stringify({ app: 'node bin/app.ts', context }),
  'bin/app.ts': `
    import { App } from 'aws-cdk-lib';
    import { HoldfastStack } from 'holdfast';
    new HoldfastStack(new App(), '${STACK}', { server: 'src/server.ts' });
  `,
  'src/server.ts': `
    import { McpServer } from '@modelcontextprotocol/server';
    import type { ToolContext } from 'holdfast/server';
    import * as z from 'zod';

    const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] });

    export function createServer(context: ToolContext): McpServer {
      const server = new McpServer({ name: 'my-server', version: '1.0.0' });
      server.registerTool('write', { inputSchema: z.object({ note: z.string() }) }, async ({ note }) => {
        await context.state.put('note', note);
        return text('written');
      });
      server.registerTool('read', {}, async () => text((await context.state.get<string>('note'))?.value ?? 'no note'));
      return server;
    }
  `,
};

const start = performance.now();
const temporary = mkdtempSync(join(tmpdir(), 'holdfast-upgrade-'));
const project = new InstalledProject('upgrade');
const port = await freePort();
const origin = `http://127.0.0.1:${port}`;

try {
  const { commit, version } = readReleasePoint();
  const released = await project.step(`build the package of ${version}, commit ${commit.slice(0, 7)}`, () =>
    packRelease(commit),
  );
  const current = await project.step('build the package of the working tree', () => pack(projectRoot, 'current'));
  for (const [name, content] of Object.entries(files)) {
    const file = join(project.folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  await install('the release', released);
  const client = await project.step('a client signs in, and a tool writes a note', () =>
    withEmulator(() => ContinuingClient.create(origin)),
  );
  await withAccount(async (account) => {
    const before = await project.step('deploy the release', account.deploy);
    await account.writeItem();

    await install('the working tree', current);
    await project.step('the client continues its session, and refreshes its tokens', () =>
      withEmulator(() => continues(client)),
    );
    await project.step('deploy the working tree: resources with state and items remain', async () => {
      const after = await account.deploy();
      for (const [id, physicalId] of before) assert.equal(after.get(id), physicalId, `${id} was replaced`);
      await account.findItem();
    });
  });

  await install('the release again', released);
  await project.step('the client continues its session after the rollback', () =>
    withEmulator(() => continues(client)),
  );
  console.log(`ok  in ${Math.round((performance.now() - start) / 1000)} s`);
} finally {
  project.delete();
  rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
}

async function packRelease(commit: string): Promise<string> {
  const sources = join(temporary, 'sources');
  extractSources(commit, sources);
  return pack(sources, 'released');
}

/** @returns the path of the package of the sources */
async function pack(sources: string, name: string): Promise<string> {
  await project.runWith({ cwd: sources }, 'npm', 'run', 'build');
  const folder = join(temporary, name);
  mkdirSync(folder);
  const dist = join(sources, 'dist');
  const packed = await project.runWith({ cwd: dist }, 'npm', 'pack', '--json', '--pack-destination', folder);
  const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
  return join(folder, filename);
}

/** Tarballs have one name and, between releases, one version: npm replaces the package because its path differs. */
function install(what: string, tarball: string): Promise<void> {
  return project.step(`install ${what}`, async () => {
    await project.run('npm', 'install', tarball);
    const lock = JSON.parse(project.read('node_modules/.package-lock.json'));
    const { integrity } = lock.packages['node_modules/holdfast'];
    assert.equal(integrity, `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`);
  });
}

/** Runs the project's emulator at the same address, on the data that it has kept. */
function withEmulator<T>(use: () => Promise<T>): Promise<T> {
  // The release has no option for the port.
  return project.withEmulator(use, { args: [], env: { ...process.env, PORT: String(port) } });
}

async function continues(client: ContinuingClient): Promise<void> {
  await client.continues();
  const selection = ['--local', '--json', '--session', client.session];
  const { items } = JSON.parse(await project.run('npx', 'holdfast', 'calls', 'list', ...selection)) as {
    items: unknown[];
  };
  assert.equal(items.length, client.calls, 'the audit log lacks calls');
}

type Deployment = {
  /** Deploys the project. @returns the physical ids of the resources with state, by logical id */
  deploy(): Promise<Map<string, string>>;
  writeItem(): Promise<void>;
  /** @throws AssertionError when the table lacks the item */
  findItem(): Promise<void>;
};

/** The project's stack in an emulated AWS account. */
async function withAccount(use: (deployment: Deployment) => Promise<void>): Promise<void> {
  const account = await startEmulatedAccount();
  const { environment } = account;
  const cdk = (...args: string[]) => project.runWith({ env: environment }, 'npx', 'cdk', '--no-notices', ...args);
  const dynamoDb = new DynamoDBClient({
    endpoint: environment.AWS_ENDPOINT_URL!,
    region: environment.AWS_REGION!,
    credentials: { accessKeyId: 'emulated', secretAccessKey: 'emulated' },
  });
  const Key = { pk: { S: 'U#ada' }, sk: { S: 'note' } };
  let TableName: string | undefined;
  try {
    await cdk('bootstrap', 'aws://000000000000/us-east-1');
    await use({
      async deploy() {
        const assembly = mkdtempSync(join(account.folder, 'assembly-'));
        await cdk('synth', '--quiet', '--output', assembly);
        const file = `${STACK}.template.json`;
        removeUnsupported(assembly, file);
        const { Resources } = JSON.parse(readFileSync(join(assembly, file), 'utf8'));
        await cdk('deploy', '--app', assembly, '--require-approval', 'never');
        const deployed = await account.resourcesOf(STACK);
        const stateful = Object.entries(statefulResources(Resources)).map(([id, { Type }]) => {
          const { physicalId } = deployed.get(id)!;
          if (Type === 'AWS::DynamoDB::GlobalTable') TableName = physicalId;
          return [id, physicalId] as const;
        });
        return new Map(stateful);
      },
      writeItem: async () => void (await dynamoDb.send(new PutItemCommand({ TableName, Item: Key }))),
      findItem: async () =>
        assert.ok((await dynamoDb.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }))).Item),
    });
  } finally {
    dynamoDb.destroy();
    await account.close();
  }
}
