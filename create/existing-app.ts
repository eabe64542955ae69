import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CreateError } from './create-error.ts';
import type { PackageManager } from './package-manager.ts';
import type { ProjectDefaults } from './project-defaults.ts';
import { stackNameOf } from './project-name.ts';
import { readTemplate } from './template-files.ts';

/** A CDK app, as far as the additions depend on it. */
type CdkApp = {
  isTypeScript: boolean;
  /** Whether files without a module extension are ES modules. */
  isModule: boolean;
  name: string;
  /** Version ranges by package name. */
  dependencies: Record<string, string>;
};

export type Additions = {
  /** Paths of new files. */
  added: string[];
  /** Paths of files that existed and are unchanged. */
  kept: string[];
  /** Changes that the owner makes, in order, of one or more lines each. */
  byHand: string[];
};

/**
 * Adds a server to a CDK app. It writes new files only.
 *
 * @param folder absolute path of the app
 * @throws CreateError when the folder is not that of a CDK app in TypeScript or JavaScript
 */
export function addToApp(folder: string, packageManager: PackageManager, defaults: ProjectDefaults): Additions {
  const app = readApp(folder);
  const server = app.isTypeScript ? 'src/server.ts' : app.isModule ? 'src/server.js' : 'src/server.mjs';
  const stackName = `${stackNameOf(app.name)}McpServer`;
  const source = app.isTypeScript
    ? readTemplate('typescript')['src/server.ts']
    : readTemplate('javascript')['src/server.js'];
  const files = { [server]: source!.replaceAll('my-server', app.name), '.env': readTemplate('shared')['.env']! };
  const kept = Object.keys(files).filter((path) => existsSync(join(folder, path)));
  const added = Object.keys(files).filter((path) => !kept.includes(path));
  for (const path of added) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), files[path]!);
  }
  const missing = Object.entries(defaults.dependencies).filter(([name]) => !(name in app.dependencies));
  const ignored = missingLines(join(folder, '.gitignore'), ['.env', '.holdfast']);
  return {
    added,
    kept,
    byHand: [
      ...(missing.length > 0 ? [`${packageManager.add} ${missing.map(packageArgument).join(' ')}`] : []),
      ...(isOldTypeScript(app) ? ['Update typescript to 5.8 or later, which can import ES modules in CommonJS'] : []),
      [
        'In your CDK app:',
        app.isTypeScript || app.isModule
          ? "  import { HoldfastStack } from 'holdfast';"
          : "  const { HoldfastStack } = require('holdfast');",
        `  new HoldfastStack(app, '${stackName}', { server: '${server}' });`,
      ].join('\n'),
      ...(ignored.length > 0 ? [`In .gitignore: ${ignored.join(' and ')}`] : []),
    ],
  };
}

function readApp(folder: string): CdkApp {
  const cdk = readJson(folder, 'cdk.json');
  const { type, name, dependencies, devDependencies } = readJson(folder, 'package.json') as {
    type?: string;
    name?: string;
    dependencies?: Record<string, string>;
    devDependencies?: Record<string, string>;
  };
  return {
    isTypeScript: existsSync(join(folder, 'tsconfig.json')) || /\.ts\b/.test(String(cdk.app)),
    isModule: type === 'module',
    name: plainName(name ?? basename(folder)),
    dependencies: { ...dependencies, ...devDependencies },
  };
}

/** Without scope, and with letters, digits and dashes alone, as stacks are named. */
const plainName = (name: string) =>
  name
    .replace(/^@[^/]*\//, '')
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .replaceAll(/^[^A-Za-z]+|-$/g, '') || 'app';

function readJson(folder: string, file: string): Record<string, unknown> {
  const path = join(folder, file);
  if (!existsSync(path)) {
    throw new CreateError(`There is no ${path}; run --existing in the folder of a CDK app in TypeScript or JavaScript`);
  }
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CreateError(`${path} is not JSON: ${(error as Error).message}`);
  }
}

/** `"latest"` and the like count as new. */
function isOldTypeScript({ isModule, dependencies }: CdkApp): boolean {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(dependencies.typescript ?? '') ?? [];
  return !isModule && major !== undefined && Number(major) * 1000 + Number(minor) < 5008;
}

/** Ranges are quoted, because `^` is an operator of some shells. */
const packageArgument = ([name, range]: [string, string]) => `"${name}@${range}"`;

function missingLines(file: string, lines: string[]): string[] {
  const present = existsSync(file) ? readFileSync(file, 'utf8').split(/\r?\n/) : [];
  return lines.filter((line) => !present.some((each) => each.replaceAll('/', '') === line));
}
