import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import type { ClientHome } from '../support/client-home.ts';

const PATIENCE_MILLISECONDS = 30_000;

/** A command in a terminal: the assistants sign in nowhere else. */
export class Terminal {
  #output = '';
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #changed = Promise.withResolvers<void>();

  constructor(command: string, { environment, folder }: ClientHome) {
    // The program of util-linux; its terminal has the size that is set here.
    this.#process = spawn('script', ['-qec', `stty cols 120 rows 50; ${command}`, '/dev/null'], {
      cwd: folder,
      env: { ...environment, TERM: 'xterm-256color' },
    });
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += stripVTControlCharacters(text);
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
      });
    }
    this.#ended = once(this.#process, 'close');
  }

  type(text: string): void {
    this.#process.stdin!.write(text);
  }

  /** Waits until the command has printed the text. */
  async shows(text: string): Promise<void> {
    const timeout = AbortSignal.timeout(PATIENCE_MILLISECONDS);
    const expired = once(timeout, 'abort');
    while (!this.#output.includes(text)) {
      await Promise.race([this.#changed.promise, expired, this.#ended]);
      const isOver = timeout.aborted || this.#process.exitCode !== null;
      if (isOver && !this.#output.includes(text))
        throw new Error(`The terminal does not show "${text}":\n${this.#output}`);
    }
  }

  /** Waits for the end of the command. @throws Error with its output unless it succeeds */
  async succeeds(): Promise<void> {
    const timer = setTimeout(() => this.#process.kill(), PATIENCE_MILLISECONDS);
    await this.#ended;
    clearTimeout(timer);
    if (this.#process.exitCode !== 0) throw new Error(`The command failed:\n${this.#output}`);
  }

  async close(): Promise<void> {
    this.#process.kill();
    await this.#ended;
  }
}
