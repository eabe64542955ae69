/**
 * Sessions survive load and dying processes: ten thousand of them, by two hundred clients at once, against the cloud on
 * the desk, whose MCP processes are killed at random for a part of the time.
 *
 * `npm run test:load -- [--sessions N] [--clients N] [--json]`. Nothing here depends on how fast the machine is. What is
 * to hold stands in `claims` (claims.ts); what fails ends the program with 1.
 */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { synthesize } from '../../local/template/synthesis.ts';
import { Wire } from '../support/load/http-connection.ts';
import { Deaths } from '../support/load/killed-processes.ts';
import { NamedSessions, Stateless, throughSdk } from '../support/load/load-clients.ts';
import { Book, type LedgerUser, tallies } from '../support/load/load-ledger.ts';
import type { Heap } from '../support/load/load-server.ts';
import { TableView } from '../support/load/table-view.ts';
import { assistants } from '../support/mcp-clients.ts';
import { ProjectCopy } from '../support/project-copy.ts';
import { Cloud, changed, withoutThrottling } from '../support/test-cloud.ts';
import { OAuthClient } from '../support/test-oauth-client.ts';
import { Broken, type Claim, claims, hold } from './load-claims.ts';

/**
 * Requests in flight, of all two hundred clients together; SDK clients come on top. The local emulator would run 64
 * execution environments of a function and refuse what comes beyond, as Lambda does at the limit of an account. On two
 * cores more than these get nothing done sooner: they wait for the processor until the store's timeouts (3 s) turn the
 * wait into 503.
 */
const IN_FLIGHT = 16;

/** Of all sessions, in which part what happens. The heap is compared before and after the deaths. */
const EARLY = [0.12, 0.33] as const;
const DEATHS = [0.34, 0.5] as const;
const LATE = [0.85, 1] as const;

/** How often processes are killed, some at a time. */
const KILLS = 30;
const KILLED_AT_ONCE = 2;

/** Heap samples of each window, of processes that have had so many requests. */
const SAMPLES = 40;
const WARM_REQUESTS = 100;
const LEAST_SAMPLES = 15;

/**
 * How far the live heap of a process may grow from the early window to the late one, in the median. What grows without a
 * leak is compiled code: 2 MB between a process's 100th request and its 500th, and nothing from there to the 2000th. That
 * is the most there can be, on a slow machine too, where the windows are few requests apart; half as much again is for
 * the rest. A server that is kept after its request has 15 KB, which makes 12 MB in the eight hundred requests between
 * the windows of a full run.
 */
const HEAP_GROWTH_BYTES = 3 * 1024 * 1024;

const USERS = ['ada', 'alan', 'grace'];

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '10000' },
    clients: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
});
const total = Number(values.sessions);
const clients = Number(values.clients);
if (!(Number.isInteger(total) && total >= 500)) throw new Error('--sessions takes a number of 500 or more');
if (!(Number.isInteger(clients) && clients >= 6)) throw new Error('--clients takes a number of 6 or more');

const startedAt = performance.now();
const seconds = () => ((performance.now() - startedAt) / 1000).toFixed(0).padStart(4);
const say = (line: string) => (values.json ? console.error : console.log)(`${seconds()} s  ${line}`);

const broken: { claim: Claim; message: string }[] = [];

/** Goes on after what does not hold, which is told at the end. */
async function attempt(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    const claim = error instanceof Broken ? error.claim : 'answers';
    const message = error instanceof Broken ? error.message : String((error as Error).stack);
    broken.push({ claim, message });
    if (broken.length <= 20) say(`BROKEN  ${message}`);
  }
}

/** Runs the work for each, so many at a time. */
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

/** The project with the server under load in place of the owner's. */
async function startCloud(): Promise<{ cloud: Cloud; table: TableView; mcp: string }> {
  const variant = new ProjectCopy();
  const synthesized = mkdtempSync(join(tmpdir(), 'holdfast-load-'));
  cleanups.push(() => variant.remove());
  cleanups.push(() => rmSync(synthesized, { recursive: true, force: true }));
  cpSync(
    fileURLToPath(new URL('../support/load/load-server.ts', import.meta.url)),
    join(variant.root, 'test/support/load/load-server.ts'),
  );
  writeFileSync(
    join(variant.root, 'lambda/server.ts'),
    `export { createServer } from '../test/support/load/load-server.ts';\n`,
  );
  await synthesize(variant.root, synthesized);
  const named = { table: '', mcp: '' };
  const assembly = changed(synthesized, (resources) => {
    withoutThrottling(resources);
    for (const [logicalId, { Type }] of Object.entries(resources)) {
      if (Type === 'AWS::Lambda::Function' && logicalId.startsWith('Mcp')) named.mcp = logicalId;
      if (Type === 'AWS::DynamoDB::GlobalTable') named.table = `Holdfast-${logicalId}`;
    }
  });
  cleanups.push(() => rmSync(assembly, { recursive: true, force: true }));
  const cloud = await Cloud.start({ assembly });
  cleanups.push(() => cloud.stop());
  return { cloud, table: new TableView(cloud, named.table), mcp: named.mcp };
}

async function signIn(origin: string, number: number): Promise<LedgerUser> {
  const username = USERS[number % USERS.length]!;
  const clientName = `Client ${number}`;
  const client = await OAuthClient.register(origin, { client_name: clientName });
  const { access_token, refresh_token } = await client.tokensFor(username);
  return { username, clientId: client.id, clientName, token: access_token, grant: grantOf(refresh_token) };
}

const grantOf = (refreshToken: string) => /^hrt1_([^.]+)/.exec(refreshToken)![1]!;

/** A client of each SDK and user, with its book. */
async function connectSdks(mcpUrl: string) {
  const wanted = assistants.flatMap((assistant) => USERS.slice(0, 2).map((username) => ({ assistant, username })));
  return inParallel(wanted, 2, async ({ assistant: [name, connect], username }) => {
    const assistant = await connect(mcpUrl, username);
    const { memory } = assistant;
    const { access_token, refresh_token } = memory.tokens()!;
    const owner = {
      username,
      clientId: memory.clientInformation()!.client_id,
      clientName: memory.clientMetadata.client_name,
      token: access_token,
      grant: grantOf(refresh_token!),
    };
    const era = name.includes('2026') ? 'modern' : 'legacy';
    const clientInfo = name.startsWith('@modelcontextprotocol/sdk') ? 'sdk-v1' : 'sdk-v2';
    return { assistant, book: new Book(owner, era, clientInfo, assistant.sessionId()) };
  });
}

/** Turns that are handed out one by one, to whoever has waited longest. */
class Turns {
  readonly #waiting: ((go: boolean) => void)[] = [];
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

/** Whether the session is one of so many that lie evenly in the window. */
const isOneOf = (count: number, number: number, window: readonly [number, number]) =>
  within(number, window) && number % Math.max(1, Math.floor(((window[1] - window[0]) * total) / count)) === 0;

function median(numbers: number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

function percentile(sorted: number[], part: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]! * 10) / 10;
}

const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(2)} MB`;

async function main() {
  say('building the stack with the server under load');
  const { cloud, table, mcp } = await startCloud();
  say(`signing in ${clients} clients of ${USERS.length} users`);
  const owners = await inParallel(Array.from({ length: clients }), 8, (_, number) => signIn(cloud.origin, number));
  const sdks = await connectSdks(`${cloud.origin}/mcp`);

  const deaths = new Deaths();
  const wire = new Wire(`${cloud.origin}/mcp`, IN_FLIGHT, deaths);
  cleanups.push(() => wire.close());
  const named = owners.filter((_, index) => index % 2 === 0).map((owner) => new NamedSessions(owner, wire));
  const stateless = owners
    .filter((_, index) => index % 2 === 1)
    .map((owner, number) => new Stateless(owner, wire, number));

  const books: Book[] = [];
  const heap = { early: [] as Heap[], late: [] as Heap[] };
  const kills: Promise<number>[] = [];
  const turns = new Turns();
  let [started, done, ended, expired] = [0, 0, 0, 0];

  async function one(client: NamedSessions): Promise<void> {
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
      const book = await client.session(number, plan, (each) => table.expire(each));
      books.push(book);
      if (plan.expires) expired++;
      if (plan.ends) ended++;
      for (const [window, samples] of [
        [EARLY, heap.early],
        [LATE, heap.late],
      ] as const) {
        if (plan.ends || plan.expires || !isOneOf(SAMPLES, number, window)) continue;
        const sample = await client.heap(book);
        if (sample && sample.requests >= WARM_REQUESTS) samples.push(sample);
      }
    });
    done++;
    if (done % 2 === 0) turns.give();
    if (!isOneOf(KILLS, done, DEATHS)) return;
    deaths.ordered += KILLED_AT_ONCE;
    kills.push(cloud.kill(mcp, KILLED_AT_ONCE));
  }

  // The authorizer is asked once for each token. All at once would start as many processes as there are connections.
  await inParallel(stateless, 4, (client) => client.turn({}));
  await inParallel(named, 4, (client) => client.ping());

  say(`${total} sessions, ${clients} clients, ${IN_FLIGHT} requests in flight`);
  const began = performance.now();
  const rate = () => wire.milliseconds.length / ((performance.now() - began) / 1000);
  const progress = setInterval(() => {
    say(
      `${done} sessions, ${wire.milliseconds.length} answers, ${rate().toFixed(0)} a second, ${deaths.answersLost} lost`,
    );
  }, 5000);
  try {
    const modern = stateless.map(async (client) => {
      for (let turn = 0; await turns.take(); turn++) {
        await attempt(() => client.turn({ increments: turn % 10 === 3, pairs: turn % 10 === 4 }));
      }
    });
    const libraries = sdks.map(async ({ assistant, book }) => {
      const call = throughSdk(assistant, deaths);
      for (let turn = 0; await turns.take(); turn++) {
        await attempt(() => (turn % 10 === 3 ? book.increment(call) : book.append(call)));
      }
    });
    await Promise.all(
      named.map(async (client) => {
        while (started < total) await one(client);
      }),
    );
    turns.end();
    await Promise.all([...modern, ...libraries]);
  } finally {
    clearInterval(progress);
  }
  const elapsed = (performance.now() - began) / 1000;

  say('comparing with the table');
  const killed = (await Promise.all(kills)).reduce((sum, count) => sum + count, 0);
  const open = new Set([...named.flatMap((each) => each.open), ...stateless.map(({ book }) => book)]);
  for (const { book } of sdks) open.add(book);
  const all = [...new Set([...books, ...open])].filter(({ id }) => id !== undefined);
  for await (const look of table.audit(all, open)) await attempt(look);

  // One more each, now that nobody else counts: it lies between what was acknowledged and what was asked for.
  for (const username of USERS) {
    await attempt(() => stateless.find(({ book }) => book.owner.username === username)!.turn({ increments: true }));
  }
  await attempt(() => checkLog(cloud.log));
  const lost = deaths.answersLost;
  await attempt(() =>
    hold('answers', lost <= killed, () => `${lost} answers were lost, and ${killed} processes killed`),
  );
  const conflicts = [...tallies.values()].reduce((sum, tally) => sum + tally.conflicts, 0);
  const renewed = named.reduce((sum, { renewals }) => sum + renewals, 0);
  const [early, late] = [heap.early, heap.late].map((samples) => ({
    samples: samples.length,
    requests: median(samples.map(({ requests }) => requests)),
    bytes: median(samples.map(({ bytes }) => bytes)),
  })) as [Window, Window];
  await attempt(() => {
    const grown = late.bytes - early.bytes;
    hold('memory', grown <= HEAP_GROWTH_BYTES, () => `the heap grew by ${megabytes(grown)}`);
  });
  // What did not happen was not shown.
  for (const [claim, count, what] of [
    ['sessions', killed, 'processes killed'],
    ['sessions', lost, 'lost answers'],
    ['sessions', renewed, 'renewed sessions'],
    ['updates', conflicts, 'conflicts'],
    ['memory', Math.min(early.samples, late.samples) - LEAST_SAMPLES, 'heap samples beyond the least'],
  ] as const) {
    await attempt(() =>
      hold(claim, count > 0, () => `there were ${count} ${what}, so this has not been put to the test`),
    );
  }

  const sorted = wire.milliseconds.toSorted((a, b) => a - b);
  return {
    clients,
    sessions: { all: all.length, open: open.size, ended, expired, renewed },
    requests: sorted.length + lost,
    requestsPerSecond: Math.round(sorted.length / elapsed),
    milliseconds: { p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95), p99: percentile(sorted, 0.99) },
    increments: [...tallies.values()].reduce((sum, { acknowledged }) => sum + acknowledged, 0),
    conflicts,
    killed,
    lost,
    heap: { early, late, bound: HEAP_GROWTH_BYTES },
  };
}

type Window = { samples: number; requests: number; bytes: number };

/** What the gateway and the functions have written: no failure that is not a death on purpose. */
function checkLog(log: string): void {
  const lines = log.split('\n');
  const failed = lines.filter((line) => /^[A-Z]+ \S+ (0|5\d\d) /.test(line) && !line.includes('signal: killed'));
  hold('answers', failed.length === 0, () => `the gateway tells of ${failed.length} failures: ${failed[0]}`);
  const logged = lines.filter((line) => /"(outage|unexpected_error|session_slide_failed)"/.test(line));
  hold('answers', logged.length === 0, () => `the functions tell of ${logged.length} failures: ${logged[0]}`);
}

function print(run: Awaited<ReturnType<typeof main>>): void {
  const { sessions, milliseconds, heap } = run;
  const { all, open, ended, expired, renewed } = sessions;
  const window = ({ bytes, samples, requests }: Window) =>
    `${megabytes(bytes)} live in a process after ${requests} requests (medians of ${samples})`;
  const rows = {
    sessions: `${all}, of ${run.clients} clients: ${open} open, ${ended} ended, ${expired} expired; ${renewed} in place of stale ones`,
    requests: `${run.requests}, ${run.requestsPerSecond} a second`,
    latency: `p50 ${milliseconds.p50} ms, p95 ${milliseconds.p95} ms, p99 ${milliseconds.p99} ms`,
    increments: `${run.increments} acknowledged, ${run.conflicts} conflicts`,
    'processes killed': `${run.killed}`,
    'answers lost': `${run.lost}`,
    'heap early': window(heap.early),
    'heap late': window(heap.late),
  };
  for (const [name, value] of Object.entries(rows)) console.log(`${name.padEnd(18)}${value}`);
}

try {
  const run = await main();
  const verdict = Object.keys(claims).map((claim) => {
    const failures = broken.filter((each) => each.claim === claim);
    return {
      claim: claims[claim as Claim],
      holds: failures.length === 0,
      broken: failures.map(({ message }) => message),
    };
  });
  if (values.json) {
    console.log(JSON.stringify({ ...run, claims: verdict }, null, 2));
  } else {
    console.log('');
    print(run);
    console.log('');
    for (const { claim, holds, broken } of verdict) {
      console.log(holds ? `passed  ${claim}` : `FAILED  ${claim} (${broken.length} times, such as: ${broken[0]})`);
    }
  }
} catch (error) {
  broken.push({ claim: 'answers', message: String(error) });
  console.error((error as Error).stack);
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup();
}
process.exit(broken.length === 0 ? 0 : 1);
