/**
 * Installs the packed package into fresh projects, as an owner does: type check, synthesis, the local emulator, and a
 * tool call by the clients of both SDKs.
 *
 * `npm run test:package`, or with a part of a project's name: `-- pnpm`. It installs packages from the registry, and is therefore not part of `npm test`.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { assistants } from '../../bench/harness/mcp-clients.ts';
import { packageFolder } from '../../lib/package-files.ts';

const run = promisify(execFile);

/** In bytes. The limit keeps out tests, pictures and sources that are built in advance. */
const LARGEST_PACKAGE = 600_000;

type Project = {
  name: string;
  /** Arguments that install the dependencies of package.json. */
  install: [command: string, ...args: string[]];
  module: 'esm' | 'commonjs';
  typescript: string;
};

const projects: Project[] = [
  { name: 'npm, ES modules, TypeScript 5.9', install: ['npm', 'install'], module: 'esm', typescript: '5.9.3' },
  { name: 'npm, CommonJS, TypeScript 5.8', install: ['npm', 'install'], module: 'commonjs', typescript: '5.8.3' },
  {
    name: 'pnpm, ES modules, TypeScript 7',
    install: ['npx', '--yes', 'pnpm@12.21.0', 'install'],
    module: 'esm',
    typescript: '7.0.2',
  },
];

const { devDependencies, dependencies } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'));
const { context } = JSON.parse(readFileSync(join(packageFolder, 'cdk.json'), 'utf8'));

const server = `
import { McpServer } from '@modelcontextprotocol/server';
import type { ToolContext } from 'holdfast/server';
import * as z from 'zod';

const greeting = z.object({ name: z.string() });

export function createServer(context: ToolContext): McpServer {
  const server = new McpServer({ name: 'my-server', version: '1.0.0' });
  server.registerTool('greet', { description: 'Greets', inputSchema: greeting }, async ({ name }) => ({
    content: [{ type: 'text', text: \`Hello \${name}, user \${context.user.key.length > 0}\` }],
  }));
  return server;
}
`;

const app = `
import { App } from 'aws-cdk-lib';
import { declareScopes, HoldfastStack } from 'holdfast';

const scopes = declareScopes({ scopes: { greet: { description: 'Greet you' } }, tools: {} });
new HoldfastStack(new App(), 'MyServer', { server: 'src/server.ts', scopes });
`;

function writeProject(folder: string, tarball: string, { module, typescript }: Project): void {
  const files = {
    'package.json': JSON.stringify({
      private: true,
      ...(module === 'esm' && { type: 'module' }),
      dependencies: {
        holdfast: `file:${tarball}`,
        '@modelcontextprotocol/server': dependencies['@modelcontextprotocol/server'],
        'aws-cdk-lib': dependencies['aws-cdk-lib'],
        constructs: dependencies.constructs,
        zod: dependencies.zod,
      },
      devDependencies: {
        '@types/node': devDependencies['@types/node'],
        'aws-cdk': devDependencies['aws-cdk'],
        typescript,
        // As `cdk init` writes it.
        ...(module === 'commonjs' && { tsx: '4.23.15' }),
      },
    }),
    'cdk.json': JSON.stringify({ app: module === 'esm' ? 'node bin/app.ts' : 'npx tsx bin/app.ts', context }),
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2024',
        lib: ['es2024'],
        types: ['node'],
        strict: true,
        noEmit: true,
        allowImportingTsExtensions: true,
        skipLibCheck: false,
      },
      include: ['bin', 'src'],
    }),
    // pnpm runs install scripts of the listed packages alone.
    'pnpm-workspace.yaml': 'allowBuilds:\n  classic-level: true\n  esbuild: true\n',
    'bin/app.ts': app,
    'src/server.ts': server,
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

/** Runs the project's emulator while \`use\` does. */
async function withEmulator(folder: string, use: (mcpUrl: string) => Promise<void>): Promise<void> {
  const child = spawn('npx', ['holdfast', 'dev'], {
    cwd: folder,
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const lines: string[] = [];
  try {
    const url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        lines.push(line);
        const ready = /^ready (\S+)$/.exec(line)?.[1];
        if (ready !== undefined) resolve(ready);
      });
      child.once('error', reject).once('close', () => reject(new Error(lines.join('\n'))));
    });
    await use(url);
  } finally {
    process.kill(-child.pid!, 'SIGTERM');
  }
}

async function check(project: Project, tarball: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-package-'));
  try {
    writeProject(folder, tarball, project);
    const [command, ...args] = project.install;
    const step = async (what: string, work: () => Promise<unknown>) => {
      const start = performance.now();
      await work();
      console.log(`ok  ${project.name}: ${what} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    };
    await step('install', () => run(command, args, { cwd: folder }));
    await step('type check', () => run('npx', ['tsc'], { cwd: folder }));
    await step('cdk synth', () => run('npx', ['cdk', 'synth', '--quiet'], { cwd: folder }));
    await step('holdfast dev, and a tool call by the clients of both SDKs', () =>
      withEmulator(folder, async (url) => {
        for (const [, connect] of assistants) {
          const assistant = await connect(url, 'ada');
          assert.deepEqual(await assistant.listTools(), ['greet']);
          assert.deepEqual(await assistant.call('greet', { name: 'Ada' }), {
            text: 'Hello Ada, user true',
            isError: false,
          });
          await assistant.close();
        }
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

await run('npm', ['run', 'build'], { cwd: packageFolder });
const target = mkdtempSync(join(tmpdir(), 'holdfast-pack-'));
try {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', target], {
    cwd: join(packageFolder, 'dist'),
  });
  const [{ filename, size, files }] = JSON.parse(stdout) as [
    { filename: string; size: number; files: { path: string }[] },
  ];
  const tarball = join(target, filename);
  assert.equal(statSync(tarball).size, size);
  assert.ok(size < LARGEST_PACKAGE, `the package has ${size} bytes, more than ${LARGEST_PACKAGE}`);
  assert.deepEqual(
    files.filter(({ path }) => /(^|\/)(test|bench|docs)\/|\.(png|svg|tsx?)$/.test(path) && !path.endsWith('.d.ts')),
    [],
  );
  console.log(`ok  the package has ${Math.round(size / 1000)} kB in ${files.length} files`);
  const [part = ''] = process.argv.slice(2);
  for (const project of projects.filter(({ name }) => name.includes(part))) await check(project, tarball);
} finally {
  rmSync(target, { recursive: true });
}
