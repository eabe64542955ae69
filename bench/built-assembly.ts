import { cpSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assetOf } from '../local/lambda/function-asset.ts';
import { synthesize } from '../local/template/synthesis.ts';
import type { Template } from '../local/template/template.ts';
import { ProjectCopy } from './harness/project-copy.ts';

/** A deployed function: its file, the name of its handler and its environment variables. */
export type Deployed = { file: string; handler: string; environment: Record<string, string> };

/** @param construct the beginning of its logical id: `Mcp`, `Authorizer` */
export function deployed(template: Template, assembly: string, construct: string): Deployed {
  const resource = template
    .resources('AWS::Lambda::Function')
    .find(({ logicalId }) => logicalId.startsWith(`${construct}Function`));
  if (!resource) throw new Error(`The template has no function ${construct}`);
  const { Variables = {} } = (resource.properties.Environment ?? {}) as { Variables?: Record<string, string> };
  const [, module = '', handler = ''] = /^(.*)\.(\w+)$/.exec(String(resource.properties.Handler)) ?? [];
  return { file: join(assetOf(resource, assembly), `${module}.cjs`), handler, environment: Variables };
}

/**
 * Synthesizes a copy of the sources with the twenty tools of the peers and a table client that answers in the process
 * (`store-in-memory.ts`): the bundle, built as for a deployment, does everything that Holdfast does before the store.
 *
 * @returns a folder that the caller removes
 */
export async function assemblyWithTwentyTools(): Promise<string> {
  const project = new ProjectCopy();
  try {
    project.add('bench/peers/tools.ts');
    project.useServer('bench/peers/twenty-tools-server.ts');
    cpSync(
      join(import.meta.dirname, 'store-in-memory.ts'),
      join(project.root, 'lambda/adapters/dynamodb/client/signed-table-client.ts'),
    );
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-assembly-'));
    await synthesize(project.root, folder);
    return folder;
  } finally {
    project.remove();
  }
}
