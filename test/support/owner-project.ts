import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { callTool, initialize, OAuthClient, postMcp } from '../../bench/harness/raw-oauth-client.ts';
import { inherited } from './cli-process.ts';

const root = join(__dirname, '../..');

/** The project of an owner in a temporary folder, with the packages of the clone, and its local emulator. */
export class OwnerProject {
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-owner-'));
  /** The lines that the emulator has printed for the operator. */
  output = '';
  #process: ChildProcess | undefined;
  #ready: { mcpUrl: string } | undefined;
  #token = '';
  #session = '';
  #change = Promise.withResolvers<void>();

  /** @param props of the construct, as source text in which `stack` and `lambda` (of the CDK) are defined */
  constructor(props: string, files: Record<string, string>) {
    const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
    this.write({
      'package.json': '{ "type": "module" }',
      'cdk.json': JSON.stringify({ app: 'node bin/app.ts', context }),
      'bin/app.ts': `
        import { App, Stack } from 'aws-cdk-lib';
        import * as lambda from 'aws-cdk-lib/aws-lambda';
        import { Holdfast } from '${join(root, 'lib/holdfast-construct.ts')}';
        const stack = new Stack(new App(), 'Owner');
        new Holdfast(stack, 'Default', ${props});`,
      ...files,
    });
    for (const name of readdirSync(join(root, 'node_modules')).filter((each) => !each.startsWith('.'))) {
      symlinkSync(join(root, 'node_modules', name), join(this.folder, 'node_modules', name));
    }
  }

  write(files: Record<string, string>): void {
    mkdirSync(join(this.folder, 'node_modules'), { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      const file = join(this.folder, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  /** Starts the emulator in the folder of the project, and signs ada in. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [join(root, 'bin/cli.ts'), 'dev', '--json', '--port', '0'], {
      cwd: this.folder,
      env: inherited(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (stdout.endsWith('\n')) this.#ready = JSON.parse(stdout);
      this.#changed();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.#changed();
    });
    child.once('exit', () => this.#changed());
    await this.until(() => this.#ready !== undefined);
    const client = await OAuthClient.register(this.#origin);
    this.#token = (await client.tokensFor('ada')).access_token;
    this.#session = (await postMcp(this.#origin, this.#token, initialize)).headers.get('Mcp-Session-Id')!;
  }

  /** Waits until the condition is met by the output. */
  async until(condition: (output: string) => boolean): Promise<void> {
    while (!condition(this.output)) {
      if (this.#process?.exitCode !== null) throw new Error(`The emulator has ended: ${this.output}`);
      await this.#change.promise;
    }
  }

  /** Calls a tool. @returns the text of its result */
  async call(tool: string): Promise<string> {
    const response = await postMcp(this.#origin, this.#token, callTool(tool), { 'Mcp-Session-Id': this.#session });
    const text = await response.text();
    const { result, error } = JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? text);
    return result?.content[0].text ?? error.message;
  }

  async remove(): Promise<void> {
    const child = this.#process;
    if (child && child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    // The compiler of the type check has a low priority, and may end after the emulator has: until then it writes its state.
    rmSync(this.folder, { recursive: true, maxRetries: 10, retryDelay: 100 });
  }

  get #origin(): string {
    return new URL(this.#ready!.mcpUrl).origin;
  }

  #changed(): void {
    const { resolve } = this.#change;
    this.#change = Promise.withResolvers();
    resolve();
  }
}
