import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CreateError } from './create-error.ts';
import { addToApp } from './existing-app.ts';
import { createProject } from './new-project.ts';
import { packageManagerIn, packageManagerOf } from './package-manager.ts';
import type { ProjectDefaults } from './project-defaults.ts';

export const usage = `Usage: npm create holdfast@latest [folder] [-- options]

Creates the project of an MCP server that you deploy into your AWS account. The default folder is my-server.

Options:
  --javascript       JavaScript instead of TypeScript
  --existing         adds a server to the CDK app in the folder (default: this one); changes no file
  --holdfast <spec>  the version of holdfast, or file:<path> of a tarball
  --help             prints this page
`;

/** The environment of a run. */
export type Surroundings = {
  /** The working directory. */
  cwd: string;
  /** `npm_config_user_agent`. */
  userAgent: string | undefined;
  defaults: ProjectDefaults;
};

/**
 * @param args the arguments of the command line
 * @returns the text to print
 * @throws CreateError for arguments or a folder that it cannot work with
 */
export function runCreate(args: string[], { cwd, userAgent, defaults }: Surroundings): string {
  const { values, positionals } = parsed(args);
  if (values.help) return usage;
  const withPackage = values.holdfast === undefined ? defaults : withHoldfast(defaults, values.holdfast, cwd);
  if (values.existing) {
    const folder = resolve(cwd, positionals[0] ?? '.');
    const packageManager = packageManagerIn(folder, userAgent);
    const { added, kept, byHand } = addToApp(folder, packageManager, withPackage);
    return [
      ...added.map((path) => `Added      ${path}`),
      ...kept.map((path) => `Unchanged  ${path}: it exists`),
      '',
      'By hand:',
      ...byHand.map((step, index) => `${index + 1}. ${step.replaceAll('\n', '\n   ')}`),
      '',
      `Then run it on your laptop:    ${packageManager.exec} holdfast dev`,
      `Deploy into your AWS account:  ${packageManager.exec} cdk deploy`,
      '',
    ].join('\n');
  }
  const folder = resolve(cwd, positionals[0] ?? 'my-server');
  const packageManager = packageManagerOf(userAgent);
  const language = values.javascript ? 'javascript' : 'typescript';
  createProject({ folder, language, packageManager, defaults: withPackage });
  const { install, name, exec } = packageManager;
  const path = relative(cwd, folder);
  return [
    `Created ${folder}`,
    '',
    `Run it on your laptop:         ${path === '' ? '' : `cd ${path} && `}${install} && ${name} start`,
    `Deploy into your AWS account:  ${exec} cdk deploy`,
    '',
  ].join('\n');
}

function parsed(args: string[]) {
  try {
    const result = parseArgs({
      args,
      allowPositionals: true,
      options: {
        javascript: { type: 'boolean' },
        existing: { type: 'boolean' },
        holdfast: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (result.positionals.length <= 1) return result;
    throw new Error(`Unexpected argument ${JSON.stringify(result.positionals[1])}`);
  } catch (error) {
    throw new CreateError(`${(error as Error).message}\n\n${usage}`);
  }
}

/** Paths of tarballs are relative to the working directory, not to the project. */
function withHoldfast(defaults: ProjectDefaults, spec: string, cwd: string): ProjectDefaults {
  if (!spec.startsWith('file:')) return { ...defaults, dependencies: { ...defaults.dependencies, holdfast: spec } };
  const file = resolve(cwd, spec.slice('file:'.length));
  if (!existsSync(file)) throw new CreateError(`There is no file ${file}; pass the path of a tarball after file:`);
  return { ...defaults, dependencies: { ...defaults.dependencies, holdfast: `file:${file}` } };
}
