import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../local/free-port.ts';

export const projectRoot = join(import.meta.dirname, '..', '..');

/** The local emulator as `holdfast dev` starts it: a process with a temporary data folder. */
export class StartedEmulator {
  readonly folder: string;
  readonly port: number;
  readonly #environment: Record<string, string>;
  readonly #root: string;
  #process: ChildProcess | undefined;
  /** The standard error of the process: its log. */
  log = '';

  private constructor(folder: string, port: number, environment: Record<string, string>, root: string) {
    this.folder = folder;
    this.port = port;
    this.#environment = environment;
    this.#root = root;
  }

  /** @param root folder of the sources: the project, or a changed copy */
  static async start(environment: Record<string, string> = {}, root = projectRoot): Promise<StartedEmulator> {
    const emulator = new StartedEmulator(mkdtempSync(join(tmpdir(), 'holdfast-')), await freePort(), environment, root);
    await emulator.#start();
    return emulator;
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
    const child = spawn(process.execPath, ['bin/cli.ts', 'dev', '--json'], {
      cwd: this.#root,
      env: {
        PATH: process.env.PATH!,
        HOME: process.env.HOME!,
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
      child.on('exit', (code) => reject(new Error(`holdfast dev exited with ${code}:\n${printed}\n${this.log}`)));
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
