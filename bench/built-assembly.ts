import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assetOf } from '../local/lambda/function-asset.ts';
import { synthesize } from '../local/template/synthesis.ts';
import type { Template } from '../local/template/template.ts';

const root = join(import.meta.dirname, '..');

/** A function as it is deployed: its file, the name of its handler and its variables. */
export type Deployed = { file: string; handler: string; environment: Record<string, string> };

/** Synthesizes the stack as it is, into a folder that the caller removes. */
export async function newAssembly(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-assembly-'));
  await synthesize(root, folder);
  return folder;
}

/** @param construct how its logical id begins: `Mcp`, `Authorizer` */
export function deployed(template: Template, assembly: string, construct: string): Deployed {
  const resource = template
    .resources('AWS::Lambda::Function')
    .find(({ logicalId }) => logicalId.startsWith(`${construct}Function`));
  if (!resource) throw new Error(`The template has no function ${construct}`);
  const { Variables = {} } = (resource.properties.Environment ?? {}) as { Variables?: Record<string, string> };
  const [, handler = ''] = String(resource.properties.Handler).split('.');
  return { file: join(assetOf(resource, assembly), 'index.cjs'), handler, environment: Variables };
}

/**
 * Synthesizes a copy of the sources whose server has the twenty tools of the peers and whose DynamoDB answers at once, in
 * the process: what is left is all that ours does before the store, built by the very code that builds deployments.
 *
 * What is replaced is the client of the table, by `store-in-memory.ts`.
 */
export async function assemblyWithTwentyTools(): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'holdfast-bench-sources-'));
  try {
    for (const part of ['bin', 'lib', 'lambda', 'bench/peers', 'cdk.json', 'package.json', 'tsconfig.json']) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    const server = `export { createServer } from './peers/twenty-tools-server.ts';\n`;
    writeFileSync(join(copy, 'lambda/server.ts'), server);
    cpSync(
      join(import.meta.dirname, 'store-in-memory.ts'),
      join(copy, 'lambda/adapters/dynamodb/signed-table-client.ts'),
    );
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-assembly-'));
    await synthesize(copy, folder);
    return folder;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
