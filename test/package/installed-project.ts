import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** The projects share npm's cache. */
const npmSettings = { npm_config_prefer_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false' };

const LARGEST_OUTPUT_BYTES = 16 * 1024 * 1024;

/** An owner's project in a temporary folder: `my-server`. */
export class InstalledProject {
  readonly name: string;
  /** The folder in which an owner runs `create`. */
  readonly parent = mkdtempSync(join(tmpdir(), 'holdfast-project-'));
  readonly folder = join(this.parent, 'my-server');

  constructor(name: string) {
    this.name = name;
  }

  /** Reports the work with its duration. */
  async step<T>(what: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    console.log(`ok  ${this.name}: ${what} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    return result;
  }

  /** @returns the standard output @throws Error with the output when the command fails */
  run(command: string, ...args: string[]): Promise<string> {
    return this.runWith({}, command, ...args);
  }

  async runWith(
    { cwd = this.folder, env = process.env }: { cwd?: string; env?: NodeJS.ProcessEnv },
    command: string,
    ...args: string[]
  ): Promise<string> {
    const { stdout } = await promisify(execFile)(command, args, {
      cwd,
      env: { ...npmSettings, ...env },
      maxBuffer: LARGEST_OUTPUT_BYTES,
    }).catch(({ stdout, stderr }) => {
      throw new Error(`${this.name}: ${[command, ...args].join(' ')} failed:\n${stdout}${stderr}`);
    });
    return stdout;
  }

  makeFolder(): void {
    mkdirSync(this.folder);
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }

  /** Replaces the content of a file. */
  change(path: string, change: (text: string) => string): void {
    writeFileSync(join(this.folder, path), change(this.read(path)));
  }

  /** Runs `holdfast dev` while `use` does. */
  async withEmulator<T>(
    use: (mcpUrl: string) => Promise<T>,
    { args = ['--port', '0'], env = process.env }: { args?: string[]; env?: NodeJS.ProcessEnv } = {},
  ): Promise<T> {
    const child = spawn('npx', ['holdfast', 'dev', ...args], {
      cwd: this.folder,
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const lines: string[] = [];
    try {
      const url = await new Promise<string>((resolve, reject) => {
        createInterface({ input: child.stdout }).on('line', (line) => {
          lines.push(line);
          const ready = /^ready (\S+)$/.exec(line)?.[1];
          if (ready !== undefined) resolve(ready);
        });
        child.once('error', reject).once('close', () => reject(new Error(lines.join('\n'))));
      });
      return await use(url);
    } finally {
      if (child.exitCode === null) process.kill(-child.pid!, 'SIGTERM');
      await ended;
    }
  }

  delete(): void {
    rmSync(this.parent, { recursive: true, force: true, maxRetries: 5 });
  }
}
