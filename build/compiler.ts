import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const typescript = createRequire(import.meta.url).resolve('typescript/package.json');

/**
 * Compiles a project of this folder.
 *
 * @throws Error after the compiler has printed its errors
 */
export function compile(project: string): void {
  const args = [join(typescript, '../bin/tsc'), '-p', join(import.meta.dirname, project)];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`tsc exited with status ${status}`);
}
