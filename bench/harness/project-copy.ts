import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const projectRoot = join(import.meta.dirname, '..', '..');

/** The sources that the CDK app, the emulator and the bundles are made of. `fixture` of `imports` is among them. */
export const sourcesOfProject = [
  'bin',
  'cli',
  'lib',
  'lambda',
  'local',
  'test/support/fixture-server.ts',
  'test/support/fixture-scopes.ts',
  'test/support/hostile-icon.svg',
  'cdk.json',
  'package.json',
  'tsconfig.json',
];

/** A copy of the project's sources that can be edited as an owner edits a project. */
export class ProjectCopy {
  readonly root = mkdtempSync(join(tmpdir(), 'holdfast-project-'));

  constructor() {
    for (const path of sourcesOfProject) this.add(path);
    symlinkSync(join(projectRoot, 'node_modules'), join(this.root, 'node_modules'));
  }

  /** Copies another file or folder of the project to the same path. */
  add(path: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    cpSync(join(projectRoot, path), join(this.root, path), { recursive: true });
  }

  /** Replaces the owner's server by another file of the project, whose imports of the project are in the copy. */
  useServer(path: string): void {
    this.add(path);
    writeFileSync(join(this.root, 'lambda/server.ts'), `export { createServer } from '../${path}';\n`);
  }

  /** Replaces a passage of a file. @throws Error when the file does not contain the passage */
  edit(file: string, passage: string, replacement: string): void {
    const path = join(this.root, file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(passage)) throw new Error(`${file} does not contain ${JSON.stringify(passage)}`);
    writeFileSync(
      path,
      text.replace(passage, () => replacement),
    );
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
