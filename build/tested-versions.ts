import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProjectDefaults } from '../create/project-defaults.ts';
import { packageFolder } from '../lib/package-files.ts';

/** Packages of which an owner's project has its own copy, which Holdfast shares. */
export const peers: Record<string, string> = {
  '@modelcontextprotocol/server': '^2.4.0',
  'aws-cdk-lib': '^2.276.0',
  constructs: '^10.8.1',
};

/** Packages that an owner's project may omit: the client of `holdfast/testing`. */
export const optionalPeers: Record<string, string> = { '@modelcontextprotocol/client': '^2.4.0' };

/** Versions and feature flags of new projects: those that Holdfast is tested with. */
export function readProjectDefaults(): ProjectDefaults {
  const read = (file: string) => JSON.parse(readFileSync(join(packageFolder, file), 'utf8'));
  const { version, dependencies, devDependencies } = read('package.json');
  return {
    dependencies: { ...peers, holdfast: `^${version}`, zod: `^${dependencies.zod}` },
    devDependencies: { ...optionalPeers, 'aws-cdk': `^${devDependencies['aws-cdk']}` },
    typescriptDevDependencies: {
      '@types/node': `^${devDependencies['@types/node']}`,
      typescript: `~${devDependencies.typescript}`,
    },
    context: read('cdk.json').context,
  };
}
