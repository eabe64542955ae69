/**
 * Sessions survive load, killed processes and failed requests, on the local emulator:
 *
 * 1. Ten thousand sessions of two hundred concurrent clients. MCP processes are killed at random for a part of the time,
 *    and no other request may fail. `bench/load/load-guarantees.ts` has the guarantees.
 * 2. As many clients count, stream, answer elicitations, wait for tasks, refresh and revoke, at random, while processes of
 *    all functions are killed and requests to all services fail. `fault-findings.ts` has the guarantees.
 *
 * `npm run test:load -- [--sessions N] [--clients N] [--rounds N] [--seed N] [--part sessions|faults] [--json]`. `--rounds`
 * are those of each client in the second part, `--seed` its choices. The outcome does not depend on the speed of the
 * machine. The program ends with 1 if a guarantee does not hold.
 */
import { parseArgs } from 'node:util';
import { assistants } from '../../bench/harness/mcp-clients.ts';
import { HttpConnections } from '../../bench/load/http-connection.ts';
import { KilledProcesses } from '../../bench/load/killed-processes.ts';
import { callerOf, LegacyClient, ModernClient } from '../../bench/load/load-clients.ts';
import { percentile } from '../../bench/load/load-figures.ts';
import { assertGuarantee, type Guarantee, GuaranteeViolation, guarantees } from '../../bench/load/load-guarantees.ts';
import { counters, SessionLedger } from '../../bench/load/load-ledger.ts';
import type { Memory } from '../../bench/load/load-server.ts';
import { grantIn, signIn, startLoadedEmulator, users } from '../../bench/load/loaded-emulator.ts';
import { median } from '../../bench/median.ts';
import { runFaultLoad } from './fault-load.ts';

/**
 * Requests in flight of all raw clients; those of the SDK clients are added. On two cores, more requests in flight would wait
 * for the processor until the timeouts of the store (3 s) turn the wait into 503.
 */
const IN_FLIGHT = 16;

/** Windows as fractions of all sessions. The heap is compared before and after the kills. */
const EARLY = [0.12, 0.33] as const;
const KILLING = [0.34, 0.5] as const;
const LATE = [0.85, 1] as const;

/** Processes are killed so many times, so many each time. */
const KILLS = 30;
const KILLED_AT_ONCE = 2;

/** Heap samples of each window, of processes with at least so many requests. */
const SAMPLES = 40;
const WARM_REQUESTS = 100;
const LEAST_SAMPLES = 15;

/**
 * The bound for the growth of a process's live heap from the early window to the late one, in the median. Without a leak,
 * compiled code grows: 2 MB between the 100th and the 500th request of a process, and none until the 2000th. That is the
 * maximum on a slow machine too, where the windows are few requests apart; the rest is margin. A server that leaks after
 * its request has 15 KB, which makes 12 MB in the eight hundred requests between the windows of a full run.
 */
const HEAP_GROWTH_BYTES = 3 * 1024 * 1024;

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '10000' },
    clients: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    /** `sessions` or `faults`. Both by default. */
    part: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const total = Number(values.sessions);
const clients = Number(values.clients);
if (!(Number.isInteger(total) && total >= 500)) {
  throw new Error(`--sessions is ${values.sessions}: use an integer of 500 or more`);
}
if (!(Number.isInteger(clients) && clients >= 6)) {
  throw new Error(`--clients is ${values.clients}: use an integer of 6 or more`);
}
const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
if (!(Number.isInteger(rounds) && rounds >= 1)) {
  throw new Error(`--rounds is ${values.rounds}: use an integer of 1 or more`);
}
if (!(Number.isInteger(seed) && seed >= 0)) {
  throw new Error(`--seed is ${values.seed}: use an integer of 0 or more`);
}
if (values.part !== undefined && values.part !== 'sessions' && values.part !== 'faults') {
  throw new Error(`--part is ${values.part}: use sessions or faults`);
}

const startedAt = performance.now();
const seconds = () => ((performance.now() - startedAt) / 1000).toFixed(0).padStart(4);
const reportProgress = (line: string) => (values.json ? console.error : console.log)(`${seconds()} s  ${line}`);

const violations: { guarantee: Guarantee; message: string }[] = [];

/** Records a violation and continues. */
async function attempt(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    const guarantee = error instanceof GuaranteeViolation ? error.guarantee : 'answers';
    const message = error instanceof GuaranteeViolation ? error.message : String((error as Error).stack);
    violations.push({ guarantee, message });
    if (violations.length <= 20) reportProgress(`VIOLATION  ${message}`);
  }
}

/** Runs the work for each item, `width` items at a time. */
async function inParallel<T, R>(items: T[], width: number, work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const lane = async () => {
    for (const [index, item] of queue) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}

const cleanups: (() => unknown)[] = [];

/** A client of each SDK and of two users, with its ledger. */
async function connectSdks(mcpUrl: string) {
  const wanted = assistants.flatMap((assistant) => users.slice(0, 2).map((username) => ({ assistant, username })));
  return inParallel(wanted, 2, async ({ assistant: [name, connect], username }) => {
    const assistant = await connect(mcpUrl, username);
    const { memory } = assistant;
    const { access_token, refresh_token } = memory.tokens()!;
    const owner = {
      username,
      clientId: memory.clientInformation()!.client_id,
      clientName: memory.clientMetadata.client_name,
      token: access_token,
      grant: grantIn(refresh_token!),
    };
    const era = name.includes('2026') ? 'modern' : 'legacy';
    const clientInfo = name.startsWith('@modelcontextprotocol/sdk') ? 'sdk-v1' : 'sdk-v2';
    return { assistant, ledger: new SessionLedger(owner, era, clientInfo, assistant.sessionId()) };
  });
}

/** Turns that are granted one by one, to the client that has waited longest. */
class Turns {
  readonly #waiting: ((granted: boolean) => void)[] = [];
  #free = 0;
  #over = false;

  give(): void {
    const next = this.#waiting.shift();
    if (next) next(true);
    else this.#free++;
  }

  /** @returns false when there are no more */
  take(): Promise<boolean> {
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve(true);
    }
    return this.#over ? Promise.resolve(false) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  end(): void {
    this.#over = true;
    for (const waiting of this.#waiting.splice(0)) waiting(false);
  }
}

const within = (done: number, [from, to]: readonly [number, number]) => done >= from * total && done < to * total;

/** Whether the session is one of `count` sessions at equal distances in the window. */
const isOneOf = (count: number, number: number, window: readonly [number, number]) =>
  within(number, window) && number % Math.max(1, Math.floor(((window[1] - window[0]) * total) / count)) === 0;

/** 0 without samples, which is another violation. */
const medianOf = (numbers: number[]) => (numbers.length === 0 ? 0 : median(numbers));

const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(2)} MB`;

async function main() {
  reportProgress('synthesizing the stack with the server under load');
  const { emulator, table, mcpFunction, close } = await startLoadedEmulator();
  cleanups.push(close);
  reportProgress(`signing in ${clients} clients of ${users.length} users`);
  const owners = await inParallel(Array.from({ length: clients }), 8, (_, number) => signIn(emulator.origin, number));
  const sdks = await connectSdks(emulator.mcpUrl);

  const killed = new KilledProcesses();
  const connections = new HttpConnections(emulator.mcpUrl, IN_FLIGHT, killed);
  cleanups.push(() => connections.close());
  const legacy = owners.filter((_, index) => index % 2 === 0).map((owner) => new LegacyClient(owner, connections));
  const modern = owners
    .filter((_, index) => index % 2 === 1)
    .map((owner, number) => new ModernClient(owner, connections, number));

  const ledgers: SessionLedger[] = [];
  const heap = { early: [] as Memory[], late: [] as Memory[] };
  const kills: Promise<number>[] = [];
  const turns = new Turns();
  let [started, done, ended, expired] = [0, 0, 0, 0];

  async function runSession(client: LegacyClient): Promise<void> {
    const number = started++;
    const plan = {
      increments: number % 10 === 3,
      pairs: number % 20 === 4,
      returns: number % 10 === 1,
      unknown: number % 50 === 5,
      expires: number % 100 === 6,
      ends: number % 10 === 7,
    };
    await attempt(async () => {
      const ledger = await client.session(number, plan, (each) => table.expire(each));
      ledgers.push(ledger);
      if (plan.expires) expired++;
      if (plan.ends) ended++;
      for (const [window, samples] of [
        [EARLY, heap.early],
        [LATE, heap.late],
      ] as const) {
        if (plan.ends || plan.expires || !isOneOf(SAMPLES, number, window)) continue;
        const sample = await client.memory(ledger);
        if (sample && sample.requests >= WARM_REQUESTS) samples.push(sample);
      }
    });
    done++;
    if (done % 2 === 0) turns.give();
    if (!isOneOf(KILLS, done, KILLING)) return;
    killed.ordered += KILLED_AT_ONCE;
    kills.push(emulator.kill(mcpFunction, KILLED_AT_ONCE));
  }

  // The authorizer verifies each token once. At the same time, these requests would start an environment per connection.
  await inParallel(modern, 4, (client) => client.turn({}));
  await inParallel(legacy, 4, (client) => client.ping());

  reportProgress(`${total} sessions, ${clients} clients, ${IN_FLIGHT} requests in flight`);
  const start = performance.now();
  const rate = () => connections.milliseconds.length / ((performance.now() - start) / 1000);
  const progress = setInterval(() => {
    reportProgress(
      `${done} sessions, ${connections.milliseconds.length} responses, ${rate().toFixed(0)} per second, ${killed.responsesLost} lost`,
    );
  }, 5000);
  try {
    const modernTraffic = modern.map(async (client) => {
      for (let turn = 0; await turns.take(); turn++) {
        await attempt(() => client.turn({ increments: turn % 10 === 3, pairs: turn % 10 === 4 }));
      }
    });
    const sdkTraffic = sdks.map(async ({ assistant, ledger }) => {
      const call = callerOf(assistant, killed);
      for (let turn = 0; await turns.take(); turn++) {
        await attempt(() => (turn % 10 === 3 ? ledger.increment(call) : ledger.append(call)));
      }
    });
    await Promise.all(
      legacy.map(async (client) => {
        while (started < total) await runSession(client);
      }),
    );
    turns.end();
    await Promise.all([...modernTraffic, ...sdkTraffic]);
  } finally {
    clearInterval(progress);
  }
  const elapsed = (performance.now() - start) / 1000;

  reportProgress('comparing with the table');
  const killedCount = (await Promise.all(kills)).reduce((sum, count) => sum + count, 0);
  const open = new Set([...legacy.flatMap((each) => each.open), ...modern.map(({ ledger }) => ledger)]);
  for (const { ledger } of sdks) open.add(ledger);
  const all = [...new Set([...ledgers, ...open])].filter(({ id }) => id !== undefined);
  for await (const check of table.audit(all, open)) await attempt(check);

  // One more increment each, without concurrent ones: it lies between the acknowledged and the attempted ones.
  for (const username of users) {
    await attempt(() => modern.find(({ ledger }) => ledger.owner.username === username)!.turn({ increments: true }));
  }
  await attempt(() => checkLog(emulator.log));
  const lost = killed.responsesLost;
  await attempt(() =>
    assertGuarantee('answers', lost <= killedCount, () => `${lost} responses lost to ${killedCount} killed processes`),
  );
  const conflicts = [...counters.values()].reduce((sum, counter) => sum + counter.conflicts, 0);
  const renewed = legacy.reduce((sum, { renewals }) => sum + renewals, 0);
  const [early, late] = [heap.early, heap.late].map((samples) => ({
    samples: samples.length,
    requests: medianOf(samples.map(({ requests }) => requests)),
    bytes: medianOf(samples.map(({ heapBytes }) => heapBytes)),
  })) as [Window, Window];
  await attempt(() => {
    const grown = late.bytes - early.bytes;
    assertGuarantee('memory', grown <= HEAP_GROWTH_BYTES, () => `the heap grew by ${megabytes(grown)}`);
  });
  // A guarantee is measured only if its cause has occurred.
  for (const [guarantee, count, what] of [
    ['sessions', killedCount, 'killed processes'],
    ['sessions', lost, 'lost responses'],
    ['sessions', renewed, 'renewed sessions'],
    ['updates', conflicts, 'conflicts'],
    ['memory', Math.min(early.samples, late.samples) - LEAST_SAMPLES, 'heap samples beyond the minimum'],
  ] as const) {
    await attempt(() =>
      assertGuarantee(guarantee, count > 0, () => `there were ${count} ${what}: the guarantee was not measured`),
    );
  }

  const { milliseconds } = connections;
  const latency = (fraction: number) => Math.round(percentile(milliseconds, fraction) * 10) / 10;
  return {
    clients,
    sessions: { all: all.length, open: open.size, ended, expired, renewed },
    requests: milliseconds.length + lost,
    requestsPerSecond: Math.round(milliseconds.length / elapsed),
    milliseconds: { p50: latency(0.5), p95: latency(0.95), p99: latency(0.99) },
    increments: [...counters.values()].reduce((sum, { acknowledged }) => sum + acknowledged, 0),
    conflicts,
    killed: killedCount,
    lost,
    heap: { early, late, bound: HEAP_GROWTH_BYTES },
  };
}

type Window = { samples: number; requests: number; bytes: number };

/** The gateway and the functions may log no failure besides the killed processes. */
function checkLog(log: string): void {
  const lines = log.split('\n');
  const failed = lines.filter((line) => /^[A-Z]+ \S+ (0|5\d\d) /.test(line) && !line.includes('signal: killed'));
  assertGuarantee('answers', failed.length === 0, () => `the gateway logged ${failed.length} failures: ${failed[0]}`);
  const logged = lines.filter((line) => /"(service_unavailable|unexpected_error|session_slide_failed)"/.test(line));
  assertGuarantee('answers', logged.length === 0, () => `the functions logged ${logged.length} failures: ${logged[0]}`);
}

function print(run: Awaited<ReturnType<typeof main>>): void {
  const { sessions, milliseconds, heap } = run;
  const { all, open, ended, expired, renewed } = sessions;
  const window = ({ bytes, samples, requests }: Window) =>
    `${megabytes(bytes)} live heap after ${requests} requests (medians of ${samples} samples)`;
  const rows = {
    sessions: `${all}, of ${run.clients} clients: ${open} open, ${ended} ended, ${expired} expired; ${renewed} renewed`,
    requests: `${run.requests}, ${run.requestsPerSecond} per second`,
    latency: `p50 ${milliseconds.p50} ms, p95 ${milliseconds.p95} ms, p99 ${milliseconds.p99} ms`,
    increments: `${run.increments} acknowledged, ${run.conflicts} conflicts`,
    'killed processes': `${run.killed}`,
    'lost responses': `${run.lost}`,
    'heap early': window(heap.early),
    'heap late': window(heap.late),
  };
  for (const [name, value] of Object.entries(rows)) console.log(`${name.padEnd(18)}${value}`);
}

type Verdict = { guarantee: string; holds: boolean; violations: string[] };

const verdicts = (): Verdict[] =>
  Object.entries(guarantees).map(([name, guarantee]) => {
    const messages = violations.filter((each) => each.guarantee === name).map(({ message }) => message);
    return { guarantee, holds: messages.length === 0, violations: messages };
  });

function printVerdicts(all: Verdict[]): void {
  console.log('');
  for (const { guarantee, holds, violations: found } of all) {
    console.log(
      holds ? `passed  ${guarantee}` : `FAILED  ${guarantee} (${found.length} violations, first: ${found[0]})`,
    );
  }
}

/** The counters of the second part, a row each. */
function printFaults(counters: object): void {
  console.log('');
  for (const [name, counter] of Object.entries(counters)) {
    const text = typeof counter === 'object' ? JSON.stringify(counter).replaceAll(/["{}]/g, '') : counter;
    console.log(`${name.padEnd(18)}${text}`);
  }
}

let hasFailed = false;
try {
  let report: object = {};
  if (values.part !== 'faults') {
    const run = await main();
    const all = verdicts();
    hasFailed = all.some(({ holds }) => !holds);
    report = { ...run, guarantees: all };
    if (!values.json) {
      console.log('');
      print(run);
      printVerdicts(all);
    }
  }
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  if (values.part !== 'sessions') {
    const faults = await runFaultLoad({ clients, rounds, seed, report: reportProgress });
    hasFailed ||= faults.guarantees.some(({ holds }) => !holds);
    report = { ...report, faults };
    if (!values.json) {
      printFaults(faults.counters);
      printVerdicts(faults.guarantees);
    }
  }
  if (values.json) console.log(JSON.stringify(report, null, 2));
} catch (error) {
  hasFailed = true;
  console.error((error as Error).stack);
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
process.exit(hasFailed ? 1 : 0);
