import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from './started-emulator.ts';

/** A copy of the project's sources, to change as an owner would without touching the project itself. */
export class ProjectCopy {
  readonly root = mkdtempSync(join(tmpdir(), 'holdfast-variant-'));

  constructor() {
    for (const part of ['bin', 'cli', 'lib', 'lambda', 'local', 'cdk.json', 'package.json', 'tsconfig.json']) {
      cpSync(join(projectRoot, part), join(this.root, part), { recursive: true });
    }
    symlinkSync(join(projectRoot, 'node_modules'), join(this.root, 'node_modules'));
  }

  /** Replaces a passage of a file. @throws Error when the passage is not there */
  edit(file: string, passage: string, replacement: string): void {
    const path = join(this.root, file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(passage)) throw new Error(`${file} has no passage ${JSON.stringify(passage)}`);
    writeFileSync(
      path,
      text.replace(passage, () => replacement),
    );
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
