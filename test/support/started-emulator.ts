import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../local/free-port.ts';

export const projectRoot = join(import.meta.dirname, '..', '..');

/** The local emulator, started as a newcomer starts it, in a process and a data folder of its own. */
export class StartedEmulator {
  readonly folder: string;
  readonly port: number;
  readonly #environment: Record<string, string>;
  readonly #root: string;
  #process: ChildProcess | undefined;
  /** Everything the process has printed on standard error: its log. */
  log = '';

  private constructor(folder: string, port: number, environment: Record<string, string>, root: string) {
    this.folder = folder;
    this.port = port;
    this.#environment = environment;
    this.#root = root;
  }

  /** @param root where the sources are: the project's own, or a variant of them */
  static async start(environment: Record<string, string> = {}, root = projectRoot): Promise<StartedEmulator> {
    const desk = new StartedEmulator(mkdtempSync(join(tmpdir(), 'holdfast-')), await freePort(), environment, root);
    await desk.#start();
    return desk;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get mcpUrl(): string {
    return `${this.origin}/mcp`;
  }

  /** Stops the process and starts another on the same data. */
  async restart(): Promise<void> {
    await this.#end();
    await this.#start();
  }

  async stop(): Promise<void> {
    await this.#end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const child = spawn(process.execPath, ['cli/commands/dev.ts', '--json'], {
      cwd: this.#root,
      env: {
        PATH: process.env.PATH!,
        HOME: process.env.HOME!,
        NODE_OPTIONS: process.env.NODE_OPTIONS!,
        PORT: String(this.port),
        HOLDFAST_DATA: this.folder,
        ...this.#environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.log += text;
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        if (printed.includes('\n')) resolve();
      });
      child.on('exit', (code) => reject(new Error(`npm start ended with ${code}:\n${printed}\n${this.log}`)));
    });
  }

  async #end(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
}
