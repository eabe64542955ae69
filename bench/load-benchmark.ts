/**
 * Mixed traffic of both eras against the local emulator: how much gets through and how fast, what each request asks of
 * the table and of the key service, and whether the memory of the MCP function grows with its requests.
 *
 * `npm run bench:load -- [--requests N] [--clients N] [--short] [--json]`. Everything runs on this machine, so that times
 * compare only with times of the same machine; what a request asks of other services, and whether memory grows, does not
 * depend on it. Ends with 1 when memory grows or an answer is wrong.
 */
import { parseArgs } from 'node:util';
import { Deaths } from '../test/support/load/killed-processes.ts';
import { percentile } from './load/load-figures.ts';
import { signIn, startLoadedCloud } from './load/loaded-emulator.ts';
import { growthOf, type Sample } from './load/memory-verdict.ts';
import { askMemory, libraryClients, rawClients } from './load/mixed-traffic.ts';
import { ThinkingWire } from './load/thinking-connection.ts';

const help = `npm run bench:load -- [--requests N] [--clients N] [--think MS] [--short] [--json]

  --requests N  how many (100000)
  --clients N   how many clients, beside six of the SDKs (200)
  --think MS    how long a client thinks before it asks, on average (500)
  --short       5000 requests: throughput and costs, too few to tell whether memory grows
  --json        for programs; progress goes to standard error
`;

/**
 * Requests in flight, of all clients together; those of the SDKs come on top. Each has an execution environment to
 * itself, and more of them would wait for the processor.
 */
const IN_FLIGHT = 8;
/** How often memory is looked at, in each of as many environments as happen to answer. */
const LOOKS = 120;
const ASKED_AT_A_LOOK = 3;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    clients: { type: 'string', default: '200' },
    think: { type: 'string', default: '500' },
    short: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit();
}
const wanted = values.short ? 5_000 : Number(values.requests);
const clients = Number(values.clients);
const thinking = Number(values.think);
if (!(Number.isInteger(wanted) && wanted >= 500)) throw new Error('--requests takes a number of 500 or more');
if (!(Number.isInteger(clients) && clients >= 2)) throw new Error('--clients takes a number of 2 or more');
if (!(thinking >= 0)) throw new Error('--think takes milliseconds');

const startedAt = performance.now();
const secondsSince = (begin: number) => (performance.now() - begin) / 1000;
const say = (line: string) => console.error(`${secondsSince(startedAt).toFixed(0).padStart(5)} s  ${line}`);

say('building the stack with the server under load');
const { cloud, close } = await startLoadedCloud();
try {
  say(`signing in ${clients} clients`);
  const owners: Awaited<ReturnType<typeof signIn>>[] = [];
  for (let first = 0; first < clients; first += 8) {
    const numbers = Array.from({ length: Math.min(8, clients - first) }, (_, index) => first + index);
    owners.push(...(await Promise.all(numbers.map((number) => signIn(cloud.origin, number)))));
  }
  const wire = new ThinkingWire(`${cloud.origin}/mcp`, IN_FLIGHT, new Deaths());
  const watch = new ThinkingWire(`${cloud.origin}/mcp`, 1, new Deaths());
  let throughLibraries = 0;
  const answered = () => wire.milliseconds.length + throughLibraries;
  // The authorizer is asked once for each token. All at once would start as many processes as there are connections.
  for (const owner of owners) await askMemory(owner, watch);
  wire.thinking = thinking;

  const samples: Sample[] = [];
  let looking = Promise.resolve();
  const look = async (begin: number) => {
    for (let each = 0; each < ASKED_AT_A_LOOK; each++) {
      const memory = await askMemory(owners[0]!, watch);
      samples.push({ ...memory, seconds: Math.round(secondsSince(begin)), answered: answered() });
    }
  };

  say(`${wanted} requests`);
  const begin = performance.now();
  const raw = rawClients(owners, wire);
  const libraries = libraryClients(cloud, wire, () => {
    throughLibraries++;
  });
  let looks = 0;
  const goesOn = () => {
    if (answered() >= (looks * wanted) / LOOKS) {
      looks++;
      looking = looking.then(() => look(begin));
    }
    return answered() < wanted;
  };
  const progress = setInterval(() => {
    const rate = answered() / secondsSince(begin);
    const heap = samples.at(-1) ? `, ${megabytes(samples.at(-1)!.heapBytes)} heap` : '';
    say(`${answered()} of ${wanted} requests, ${rate.toFixed(0)} a second${heap}`);
  }, 10_000);
  const asked = await cloud.requestsOf(async () => {
    await Promise.all([...raw, ...libraries].map((client) => client(goesOn)));
    await looking;
  });
  clearInterval(progress);
  const seconds = secondsSince(begin);

  const failures = cloud.log.split('\n').filter((line) => /^[A-Z]+ \S+ (0|5\d\d) /.test(line));
  const count = answered() + samples.length;
  const each = (requests: Record<string, number>) => {
    const all = Object.entries(requests).map(([operation, times]) => [operation, rounded(times / count)]);
    const sum = Object.values(requests).reduce((total, times) => total + times, 0);
    return { all: rounded(sum / count), ...Object.fromEntries(all) } as Record<string, number>;
  };
  const latency = [0.5, 0.9, 0.99, 1].map((part) => Math.round(percentile(wire.milliseconds, part) * 10) / 10);
  const [p50, p90, p99, most] = latency as [number, number, number, number];
  const result = {
    requests: count,
    clients: raw.length + libraries.length,
    seconds: Math.round(seconds),
    requestsPerSecond: rounded(count / seconds),
    milliseconds: { p50, p90, p99, most },
    storeOperationsPerRequest: each(asked.dynamodb),
    keyServiceCallsPerRequest: each(asked.kms),
    environments: new Set(samples.map(({ environment }) => environment)).size,
    memory: samples,
    growth: growthOf(samples, answered()),
    failures: failures.length,
  };
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else print(result);
  if (result.growth.verdict === 'growth' || failures.length > 0) process.exitCode = 1;
  wire.close();
  watch.close();
} finally {
  await close();
}

function print(result: {
  requests: number;
  clients: number;
  seconds: number;
  requestsPerSecond: number;
  milliseconds: { p50: number; p90: number; p99: number; most: number };
  storeOperationsPerRequest: Record<string, number>;
  keyServiceCallsPerRequest: Record<string, number>;
  environments: number;
  memory: Sample[];
  growth: ReturnType<typeof growthOf>;
  failures: number;
}): void {
  const { milliseconds, growth, memory } = result;
  const costs = ({ all, ...operations }: Record<string, number>) =>
    `${all}${Object.entries(operations)
      .map(([operation, times]) => `, ${operation} ${times}`)
      .join('')}`;
  const slope =
    growth.slopeBytes === undefined ? '' : `, ${growth.slopeBytes} ± ${growth.errorBytes} bytes with each request`;
  const rows: [string, string][] = [
    ['requests', `${result.requests} of ${result.clients} clients in ${result.seconds} s`],
    ['throughput', `${result.requestsPerSecond} a second`],
    [
      'latency',
      `p50 ${milliseconds.p50}, p90 ${milliseconds.p90}, p99 ${milliseconds.p99}, most ${milliseconds.most} ms`,
    ],
    ['store operations', `${costs(result.storeOperationsPerRequest)} a request`],
    ['key-service calls', `${costs(result.keyServiceCallsPerRequest)} a request`],
    ['environments', `${result.environments} were seen`],
    ['failures', `${result.failures}`],
  ];
  for (const [name, text] of rows) console.log(`${name.padEnd(20)}${text}`);
  console.log('\nmemory: after so many requests, of the environment; its live heap; the whole process, with the table');
  const every = Math.max(1, Math.floor(memory.length / 20));
  for (const sample of memory.filter((_, index) => index % every === 0)) {
    const { answered, requests, heapBytes, rssBytes } = sample;
    console.log(
      `${String(answered).padStart(8)}${String(requests).padStart(8)}${megabytes(heapBytes).padStart(12)}${megabytes(rssBytes).padStart(12)}`,
    );
  }
  console.log(
    `\n${growth.verdict}: second half, ${growth.samples} samples${slope} of an environment (bound: ${growth.boundBytes})`,
  );
}

function rounded(number: number): number {
  return Math.round(number * 10_000) / 10_000;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(2)} MB`;
}
