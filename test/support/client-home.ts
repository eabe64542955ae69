import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export type ProgramResult = { code: number | null; stdout: string; stderr: string };

/** A home folder for one client that is a program, with a browser that signs ada in. */
export class ClientHome {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-client-'));
  readonly environment: Record<string, string>;
  readonly #opened = join(this.folder, 'opened');

  /** @param path further folders with programs */
  constructor(path: string[] = []) {
    const programs = join(this.folder, 'programs');
    mkdirSync(programs);
    const browser = join(programs, 'xdg-open');
    const openUrl = join(import.meta.dirname, 'open-url.ts');
    writeFileSync(browser, `#!/bin/sh\necho "$1" >> "${this.#opened}"\nexec "${process.execPath}" "${openUrl}" "$@"\n`);
    chmodSync(browser, 0o755);
    const PATH = [programs, ...path, process.env.PATH].join(delimiter);
    this.environment = { PATH, HOME: this.folder, BROWSER: browser, MCP_AUTO_OPEN_ENABLED: 'true' };
  }

  /** Runs a program to its end. */
  run(command: string, options: string[]): Promise<ProgramResult> {
    const child = spawn(command, options, {
      env: this.environment,
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
    });
  }

  /** The URLs that the client has opened in the browser. */
  opened(): string[] {
    return existsSync(this.#opened) ? readFileSync(this.#opened, 'utf8').trim().split('\n') : [];
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
