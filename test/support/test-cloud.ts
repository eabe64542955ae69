import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { synthesize } from '../../local/template/synthesis.ts';

const root = join(import.meta.dirname, '..', '..');

export type Service = 'dynamodb' | 'kms' | 'lambda' | 'idp';

/** How many requests of each operation a service has had. */
export type Requests = Record<string, number>;

export type CloudOptions = {
  /** The cloud assembly to run. */
  assembly: string;
  /** Every request meets functions that have nothing in memory. */
  freshPerRequest?: boolean;
  /** PEM file of an authority that the functions trust besides those of Node. */
  extraAuthority?: string;
};

/** The cloud of one assembly, whose services can be made to fail (`cloud.run.ts`). */
export class Cloud {
  readonly origin: string;
  /** Where the table is, for the owner of the account. */
  readonly dynamoDb: { endpoint: string; accessKeyId: string };
  /** What the functions have written, each line after the function's name. */
  log = '';
  /** Where it keeps everything. */
  readonly folder: string;
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(
    folder: string,
    process: ChildProcess,
    answers: AsyncIterator<string>,
    ready: Pick<Cloud, 'origin' | 'dynamoDb'>,
  ) {
    this.folder = folder;
    this.#process = process;
    this.#answers = answers;
    this.origin = ready.origin;
    this.dynamoDb = ready.dynamoDb;
    process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.log += text;
    });
  }

  static async start({ extraAuthority, ...options }: CloudOptions): Promise<Cloud> {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-cloud-'));
    const accessKeyId = `AKIA${randomUUID()}`;
    const argument = JSON.stringify({ ...options, folder, ownerKeyId: accessKeyId });
    const child = spawn(process.execPath, [join(import.meta.dirname, 'test-cloud.run.ts'), argument], {
      cwd: root,
      env: { ...process.env, ...(extraAuthority !== undefined && { NODE_EXTRA_CA_CERTS: extraAuthority }) },
    });
    const answers = createInterface(child.stdout)[Symbol.asyncIterator]();
    const ready = await answers.next();
    if (ready.done) throw new Error(`The cloud did not start: ${child.stderr.read()}`);
    const { origin, dynamoDb: endpoint } = JSON.parse(ready.value);
    return new Cloud(folder, child, answers, { origin, dynamoDb: { endpoint, accessKeyId } });
  }

  /** Runs the work while a service answers every request with an error of its own. */
  async without<T>(service: Service, work: () => Promise<T>): Promise<T> {
    await this.#command(`fail ${service}`);
    try {
      return await work();
    } finally {
      await this.#command(`mend ${service}`);
    }
  }

  /** Disables a user at the identity provider, as its administrator would. */
  async disable(username: string): Promise<void> {
    await this.#command(`disable ${username}`);
  }

  /** Runs the work while Lambda delivers every event twice, as it may. */
  async withEventsTwice<T>(work: () => Promise<T>): Promise<T> {
    await this.#command('deliver twice');
    try {
      return await work();
    } finally {
      await this.#command('deliver once');
    }
  }

  /** Does what is due on a schedule, now. */
  async runSchedules(): Promise<void> {
    await this.#command('schedules');
  }

  /**
   * Ends execution environments of a function in the middle of their requests, chosen at random.
   *
   * @returns how many were busy and have ended, at most `count`
   */
  async kill(logicalId: string, count: number): Promise<number> {
    return Number(await this.#command(`kill ${logicalId} ${count}`));
  }

  /** What the work asks of the table and of the key service. */
  async requestsOf(work: () => Promise<unknown>): Promise<{ dynamodb: Requests; kms: Requests }> {
    await this.#command('count');
    await work();
    return JSON.parse(await this.#command('count'));
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.stdin!.end();
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** @returns what the answer says after `done` */
  async #command(line: string): Promise<string> {
    this.#process.stdin!.write(`${line}\n`);
    const answer = String((await this.#answers.next()).value);
    if (!answer.startsWith('done')) throw new Error(`The cloud did not take "${line}": ${answer}\n${this.log}`);
    return answer.slice('done '.length);
  }
}

/** The resources of a template. */
// biome-ignore lint/suspicious/noExplicitAny: a template is JSON whose shape differs by type
export type Resources = Record<string, { Type: string; Properties: any }>;

/** The cloud assembly of the stack as it is, in a folder of its own. */
export async function newAssembly(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-assembly-'));
  await synthesize(root, folder);
  return folder;
}

/** A copy of the assembly whose template has been changed. */
export function changed(assembly: string, change: (resources: Resources) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-assembly-'));
  cpSync(assembly, folder, { recursive: true });
  const file = join(folder, 'Holdfast.template.json');
  const template: { Resources: Resources } = JSON.parse(readFileSync(file, 'utf8'));
  change(template.Resources);
  writeFileSync(file, JSON.stringify(template));
  return folder;
}

/** Lets through whatever comes: for tests whose subject the limits of rate would answer in place of. */
export function withoutThrottling(resources: Resources): void {
  const stage = Object.values(resources).find(({ Type }) => Type === 'AWS::ApiGateway::Stage')!;
  for (const setting of stage.Properties.MethodSettings) {
    Object.assign(setting, { ThrottlingRateLimit: 10_000, ThrottlingBurstLimit: 10_000 });
  }
}
