import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LeadingKeysReading } from '../../local/dynamodb/dynamodb-access.ts';
import type { Statement } from '../../local/iam/iam-policy.ts';
import type { Fault, Service, ServiceRequest } from './fault-injection.ts';

const POLL_MILLISECONDS = 50;

const root = join(import.meta.dirname, '..', '..');

/** Requests by operation. */
export type Requests = Record<string, number>;

export type EmulatorProcessOptions = {
  /** The cloud assembly to run. `deploy` writes to it. */
  assembly: string;
  /** Every request meets a cold start. */
  freshPerRequest?: boolean;
  /** The executions of all functions at the same time. @default unlimited */
  accountConcurrency?: number;
  /** PEM file of a certificate authority that the functions trust besides those of Node. */
  extraAuthority?: string;
};

/** The commands of `emulator-process.run.ts`. */
export type Command =
  | { name: 'fail'; service: Service; fails: boolean }
  | { name: 'disable'; username: string }
  | { name: 'deliverTwice'; twice: boolean }
  | { name: 'readLeadingKeys'; reading: LeadingKeysReading }
  | { name: 'kill'; logicalId: string; count: number }
  | { name: 'recycle' }
  | { name: 'invalidate' }
  | { name: 'runSchedules' }
  | { name: 'count' }
  | { name: 'record' }
  | { name: 'recorded' }
  | { name: 'arm'; fault: Fault }
  | { name: 'disarm' }
  | { name: 'settled' }
  | { name: 'statements'; construct: string }
  | { name: 'setStatements'; construct: string; statements: Statement[] }
  | { name: 'deploy'; assembly: string };

type Ready = { origin: string; dynamoDb: string };

/** A local emulator that runs one assembly, with switches for outages, crashes and permissions. */
export class EmulatorProcess {
  /** Of the emulator: table, keys, users. */
  readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-emulator-'));
  /** The gateway's requests, and the lines of the functions, each after the function's name. */
  log = '';
  readonly #options: EmulatorProcessOptions;
  readonly #operatorKeyId = `AKIA${randomUUID()}`;
  #process!: ChildProcess;
  #answers!: AsyncIterator<string>;
  #ready!: Ready;

  protected constructor(options: EmulatorProcessOptions) {
    this.#options = options;
  }

  static async run(options: EmulatorProcessOptions): Promise<EmulatorProcess> {
    const emulator = new EmulatorProcess(options);
    await emulator.launch();
    return emulator;
  }

  get origin(): string {
    return this.#ready.origin;
  }

  get mcpUrl(): string {
    return `${this.origin}/mcp`;
  }

  /** The table's endpoint, and the access key of the operator. */
  get dynamoDb(): { endpoint: string; accessKeyId: string } {
    return { endpoint: this.#ready.dynamoDb, accessKeyId: this.#operatorKeyId };
  }

  /** Runs the work while a service answers every request with an error. */
  async without<T>(service: Service, work: () => Promise<T>): Promise<T> {
    await this.#command({ name: 'fail', service, fails: true });
    try {
      return await work();
    } finally {
      await this.#command({ name: 'fail', service, fails: false });
    }
  }

  /**
   * Runs the work while a service answers with errors, until it has refused so many requests of the functions or the work
   * has ended.
   */
  async withOutage<T>(service: Service, refusals: number, work: () => Promise<T>): Promise<T> {
    await this.#command({ name: 'fail', service, fails: true });
    let isRunning = true;
    const running = work().finally(() => {
      isRunning = false;
    });
    // Its caller receives a rejection below.
    running.catch(() => undefined);
    for (let refused = 0; isRunning && refused < refusals; ) {
      await this.#command({ name: 'record' });
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
      const requests = (await this.#command({ name: 'recorded' })) as ServiceRequest[];
      refused += requests.filter((request) => request.service === service).length;
    }
    await this.#command({ name: 'fail', service, fails: false });
    return running;
  }

  /** Disables a user at the identity provider, as its administrator does. */
  async disable(username: string): Promise<void> {
    await this.#command({ name: 'disable', username });
  }

  /** Runs the work while Lambda delivers every event twice: it guarantees delivery at least once. */
  async withEventsTwice<T>(work: () => Promise<T>): Promise<T> {
    await this.#command({ name: 'deliverTwice', twice: true });
    try {
      return await work();
    } finally {
      await this.#command({ name: 'deliverTwice', twice: false });
    }
  }

  /** Runs the work while DynamoDB reads `dynamodb:LeadingKeys` of transactions in one of the possible ways. */
  async withLeadingKeys<T>(reading: LeadingKeysReading, work: () => Promise<T>): Promise<T> {
    await this.#command({ name: 'readLeadingKeys', reading });
    try {
      return await work();
    } finally {
      await this.#command({ name: 'readLeadingKeys', reading: 'per-part' });
    }
  }

  /** Invokes the scheduled functions now. */
  async runSchedules(): Promise<void> {
    await this.#command({ name: 'runSchedules' });
  }

  /**
   * Ends busy execution environments of a function, chosen at random.
   *
   * @returns how many have ended, at most `count`
   */
  async kill(logicalId: string, count: number): Promise<number> {
    return (await this.#command({ name: 'kill', logicalId, count })) as number;
  }

  /** Ends the idle execution environments: the next request of every function meets a cold start. */
  async recycle(): Promise<void> {
    await this.#command({ name: 'recycle' });
  }

  /** Empties the cache of CloudFront. */
  async invalidate(): Promise<void> {
    await this.#command({ name: 'invalidate' });
  }

  /** Counts the requests that the work causes at the table and at the key service. */
  async requestsOf(work: () => Promise<unknown>): Promise<{ dynamodb: Requests; kms: Requests }> {
    await this.#command({ name: 'count' });
    await work();
    return (await this.#command({ name: 'count' })) as { dynamodb: Requests; kms: Requests };
  }

  /** The requests of the functions to the services during the work, in their order. */
  async serviceRequestsOf(work: () => Promise<unknown>): Promise<ServiceRequest[]> {
    await this.#command({ name: 'record' });
    await work();
    return (await this.#command({ name: 'recorded' })) as ServiceRequest[];
  }

  /**
   * Runs the work while a fault waits for its request.
   *
   * @returns the result of the work, and the request that the fault has hit
   */
  async withFault<T>(fault: Fault, work: () => Promise<T>): Promise<{ result: T; hit: ServiceRequest | undefined }> {
    await this.#command({ name: 'arm', fault });
    const [outcome] = await Promise.allSettled([work()]);
    const hit = (await this.#command({ name: 'disarm' })) as ServiceRequest | undefined;
    if (outcome.status === 'rejected') throw outcome.reason;
    return { result: outcome.value, hit };
  }

  /** Resolves when the functions wait for no service. */
  async settled(): Promise<void> {
    await this.#command({ name: 'settled' });
  }

  /**
   * Runs the work while the role of a function has other permissions.
   *
   * @param construct the beginning of the function's logical id
   */
  async withPermissions<T>(
    construct: string,
    change: (statements: Statement[]) => Statement[],
    work: () => Promise<T>,
  ): Promise<T> {
    const statements = (await this.#command({ name: 'statements', construct })) as Statement[];
    await this.#command({ name: 'setStatements', construct, statements: change(structuredClone(statements)) });
    try {
      return await work();
    } finally {
      await this.#command({ name: 'setStatements', construct, statements });
    }
  }

  /**
   * Deploys another assembly while requests go on.
   *
   * @returns the outcome in the emulator's words
   */
  async deploy(assembly: string): Promise<string> {
    return (await this.#command({ name: 'deploy', assembly })) as string;
  }

  /**
   * Ends the process and starts another one with the same data and at the same address.
   *
   * @param nodeOptions command-line options of Node.js
   */
  async restart(nodeOptions: string[] = []): Promise<void> {
    await this.#end();
    await this.launch(Number(new URL(this.origin).port), nodeOptions);
  }

  async stop(): Promise<void> {
    await this.#end();
    rmSync(this.folder, { recursive: true, force: true });
  }

  protected async launch(port = 0, nodeOptions: string[] = []): Promise<void> {
    const { extraAuthority, ...options } = this.#options;
    const argument = JSON.stringify({ ...options, port, folder: this.folder, operatorKeyId: this.#operatorKeyId });
    const child = spawn(
      process.execPath,
      [...nodeOptions, join(import.meta.dirname, 'emulator-process.run.ts'), argument],
      {
        cwd: root,
        env: { ...process.env, ...(extraAuthority !== undefined && { NODE_EXTRA_CA_CERTS: extraAuthority }) },
      },
    );
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.log += text;
    });
    this.#process = child;
    this.#answers = createInterface(child.stdout)[Symbol.asyncIterator]();
    const ready = await this.#answers.next();
    if (ready.done) throw new Error(`The emulator did not start: ${this.log}`);
    this.#ready = JSON.parse(ready.value);
  }

  async #end(): Promise<void> {
    // Of its streams too, so that the log is complete.
    const ended = once(this.#process, 'close');
    this.#process.stdin!.end();
    await ended;
  }

  async #command(command: Command): Promise<unknown> {
    this.#process.stdin!.write(`${JSON.stringify(command)}\n`);
    const answer = await this.#answers.next();
    if (answer.done) throw new Error(`The emulator ended before it answered ${command.name}:\n${this.log}`);
    const { result, error } = JSON.parse(answer.value);
    if (error !== undefined) throw new Error(`The emulator failed at ${command.name}: ${error}\n${this.log}`);
    return result;
  }
}
