import type { Resources } from '../../bench/harness/assembly.ts';
import { type FaultKind, faultKinds } from '../../bench/harness/fault-injection.ts';
import type { Random } from '../../bench/harness/random.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import type { TestCloud } from '../support/test-cloud.ts';
import type { Findings } from './fault-findings.ts';

/** The constructs of the functions that are disturbed. */
const functions = ['Mcp', 'Worker', 'OAuth', 'Authorizer', 'Dashboard', 'Rollup'] as const;
type FunctionName = (typeof functions)[number];

/**
 * The requests that fail: those of a function, and half of the time of any one. The identity provider does not know the
 * function, and has an empty name.
 */
const targets = [
  ...['Mcp', 'OAuth', 'Worker', 'Dashboard', ''].map((caller) => ({ caller })),
  ...Array.from({ length: 5 }, () => ({})),
];
/** The kills are counted apart, and a request that hangs for seconds would keep the other faults away. */
const kinds = ['reset', 'lost', 'cut', '500', 'throttled'] as const satisfies FaultKind[];

/** A fault waits so long for its request, and the next one follows. */
const FAULT_MILLISECONDS = 100;
/** A process is killed after each so many faults. */
const FAULTS_PER_KILL = 6;
/** AWS Lambda attempts a task three times. Further kills could hit the same task a third time, which nothing survives. */
const MOST_WORKER_KILLS = 2;
/** An idle function is looked at so often until it is busy. */
const LOOKS = 60;
const LOOK_MILLISECONDS = 5;

export const pause = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** Faults and kills at random, one at a time, and the traffic of functions that no MCP client uses. */
export class FaultBackground {
  readonly faults = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<(typeof kinds)[number], number>;
  readonly kills = Object.fromEntries(functions.map((name) => [name, 0])) as Record<FunctionName, number>;
  /** Responses of the dashboard. */
  readonly dashboard = { answered: 0, failed: 0 };
  readonly #cloud: TestCloud;
  readonly #random: Random;
  readonly #findings: Findings;
  readonly #logicalIds: Record<string, string>;
  #isOver = false;

  constructor(cloud: TestCloud, random: Random, findings: Findings) {
    this.#cloud = cloud;
    this.#random = random;
    this.#findings = findings;
    const { Resources } = JSON.parse(cloud.template) as { Resources: Resources };
    const ids = Object.keys(Resources).filter((id) => Resources[id]!.Type === 'AWS::Lambda::Function');
    this.#logicalIds = Object.fromEntries(
      functions.map((name) => [name, ids.find((id) => id.startsWith(`${name}Function`))!]),
    );
  }

  /** Disturbs until `stop`. */
  async run(): Promise<void> {
    // The page is open before the faults begin: the MCP clients sign in under faults.
    const dashboard = await DashboardClient.signIn(this.#cloud.origin, 'ada');
    await Promise.all([this.#disturb(), this.#useDashboard(dashboard)]);
  }

  stop(): void {
    this.#isOver = true;
  }

  async #disturb(): Promise<void> {
    for (let turn = 1; !this.#isOver; turn++) {
      if (turn % FAULTS_PER_KILL === 0) {
        await this.#kill(functions[(turn / FAULTS_PER_KILL) % functions.length]!);
        continue;
      }
      const kind = this.#random.oneOf(kinds);
      const fault = { kind, request: this.#random.oneOf(targets), occurrence: this.#random.from(1, 4) };
      const { hit } = await this.#cloud.withFault(fault, () => pause(FAULT_MILLISECONDS));
      if (hit !== undefined) this.faults[kind]++;
    }
  }

  async #kill(name: FunctionName): Promise<void> {
    if (name === 'Worker' && this.kills.Worker === MOST_WORKER_KILLS) return;
    if (name === 'Rollup') {
      // The job is short and runs by a command: it ends at one of its requests.
      const kind = this.#random.oneOf(faultKinds.filter((each) => each.startsWith('kill')));
      const fault = { kind, request: { caller: name }, occurrence: this.#random.from(1, 2) };
      const { hit } = await this.#cloud.withFault(fault, () => this.#cloud.runSchedules());
      if (hit !== undefined) this.kills[name]++;
      return;
    }
    for (let look = 0; look < LOOKS; look++) {
      const killed = await this.#cloud.kill(this.#logicalIds[name]!, 1);
      this.kills[name] += killed;
      if (killed > 0) return;
      await pause(LOOK_MILLISECONDS);
    }
  }

  async #useDashboard(dashboard: DashboardClient): Promise<void> {
    while (!this.#isOver) {
      const response = await dashboard.request('calls?from=0&to=8640000000000').catch(() => undefined);
      const text = await response?.text().catch(() => undefined);
      if (response?.status === 200 && text !== undefined) {
        this.dashboard.answered++;
        const others = (JSON.parse(text) as { items: { user: string }[] }).items.filter(
          ({ user }) => user !== dashboard.me.user,
        );
        this.#findings.expect('isolation', others.length === 0, () => `the dashboard has calls of ${others[0]!.user}`);
      } else {
        this.dashboard.failed++;
        const isOutage = response === undefined || response.status >= 500 || text === undefined;
        this.#findings.expect('answers', isOutage, () => `the dashboard: ${response?.status} ${text}`);
      }
      await pause(FAULT_MILLISECONDS);
    }
  }
}
