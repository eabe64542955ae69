import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { CreateError } from './create-error.ts';
import type { PackageManager } from './package-manager.ts';
import type { ProjectDefaults } from './project-defaults.ts';
import { stackNameOf, validateName } from './project-name.ts';
import { type Language, readTemplate } from './template-files.ts';

export type NewProject = {
  /** Absolute path. Its last part is the name of the project. */
  folder: string;
  language: Language;
  packageManager: PackageManager;
  defaults: ProjectDefaults;
};

/**
 * Writes a project: a CDK app with one stack, a server with example tools, and their tests.
 *
 * @throws CreateError when the folder has files, or its name is no name of a project
 */
export function createProject({ folder, language, packageManager, defaults }: NewProject): void {
  const name = basename(folder);
  validateName(name, defaults.dependencies);
  if (existsSync(folder) && readdirSync(folder).some((file) => file !== '.git')) {
    throw new CreateError(`${folder} is not empty; choose another name, or add to a CDK app with --existing`);
  }
  const app = `node --import holdfast/compile-cache bin/app.${language === 'typescript' ? 'ts' : 'js'}`;
  const shared = readTemplate('shared');
  const files = {
    'package.json': json(packageJson({ name, language, packageManager, defaults })),
    'cdk.json': json({ app, context: defaults.context }),
    ...shared,
    ...readTemplate(language),
    ...(packageManager.name !== 'npm' && readTemplate(packageManager.name)),
    'README.md': forReaders(shared['README.md']!, language, packageManager),
  };
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    // The template is a project of the name my-server.
    writeFileSync(file, content.replaceAll('my-server', name).replaceAll('MyServer', stackNameOf(name)));
  }
}

/** The page names the commands of the user's package manager and the files of the language. */
const forReaders = (page: string, language: Language, { name, install, exec }: PackageManager) =>
  page
    .replaceAll('npm install', install)
    .replaceAll(/\bnpm (start|test)\b/g, `${name} $1`)
    .replaceAll('npx ', `${exec} `)
    .replaceAll(/\.ts\b/g, language === 'typescript' ? '.ts' : '.js');

function packageJson({ name, language, packageManager, defaults }: Omit<NewProject, 'folder'> & { name: string }) {
  const isTyped = language === 'typescript';
  return {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    engines: { node: '>=22.18' },
    scripts: {
      start: 'holdfast dev',
      test: isTyped ? 'tsc && node --test' : 'node --test',
      deploy: 'cdk deploy',
    },
    dependencies: sorted(defaults.dependencies),
    devDependencies: sorted({ ...defaults.devDependencies, ...(isTyped && defaults.typescriptDevDependencies) }),
    // npm runs install scripts of the listed packages alone.
    ...(packageManager.name === 'npm' && { allowScripts: { 'classic-level': true, esbuild: true } }),
  };
}

const sorted = (versions: Record<string, string>) =>
  Object.fromEntries(Object.entries(versions).sort(([a], [b]) => (a < b ? -1 : 1)));

const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`;
