/**
 * Mixed traffic of both eras against the local emulator: throughput, latency, the requests to the table and to the key
 * service, and whether the memory of the MCP function grows with its requests.
 *
 * `npm run bench:load -- [--requests N] [--clients N] [--short] [--json]`. Everything runs on this machine: times compare
 * only with times of the same machine. The requests to other services and the growth of memory do not depend on it. Ends
 * with 1 when memory grows or a response is wrong.
 */
import { parseArgs } from 'node:util';
import { KilledProcesses } from './load/killed-processes.ts';
import { ModernClient } from './load/load-clients.ts';
import { percentile } from './load/load-figures.ts';
import type { LoadUser } from './load/load-ledger.ts';
import { signIn, startLoadedEmulator } from './load/loaded-emulator.ts';
import { growthOf, type Sample } from './load/memory-verdict.ts';
import { rawClients, sdkClients } from './load/mixed-traffic.ts';
import { PacedConnections } from './load/paced-connections.ts';

const help = `npm run bench:load -- [--requests N] [--clients N] [--think MS] [--short] [--json]

  --requests N  number of requests (100000)
  --clients N   number of clients, besides six clients of the SDKs (200)
  --pause MS    mean pause of a client before a request, in milliseconds (500)
  --short       5000 requests: throughput and costs; too few to decide whether memory grows
  --json        prints JSON; progress goes to standard error
`;

/**
 * Requests in flight of all raw clients; those of the SDKs are added. Each has its own execution environment, and more of
 * them would wait for the processor.
 */
const IN_FLIGHT = 8;
/** Memory is sampled so many times, each time from so many environments. */
const SAMPLINGS = 120;
const SAMPLES_PER_SAMPLING = 3;

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    clients: { type: 'string', default: '200' },
    pause: { type: 'string', default: '500' },
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
const pauseMilliseconds = Number(values.pause);
if (!(Number.isInteger(wanted) && wanted >= 500)) {
  throw new Error(`--requests is ${values.requests}: use an integer of 500 or more`);
}
if (!(Number.isInteger(clients) && clients >= 2)) {
  throw new Error(`--clients is ${values.clients}: use an integer of 2 or more`);
}
if (!(pauseMilliseconds >= 0)) throw new Error(`--pause is ${values.pause}: use milliseconds`);

const startedAt = performance.now();
const secondsSince = (start: number) => (performance.now() - start) / 1000;
const report = (line: string) => console.error(`${secondsSince(startedAt).toFixed(0).padStart(5)} s  ${line}`);

report('synthesizing the stack with the server under load');
const { emulator, close } = await startLoadedEmulator();
try {
  report(`signing in ${clients} clients`);
  const owners: LoadUser[] = [];
  for (let first = 0; first < clients; first += 8) {
    const numbers = Array.from({ length: Math.min(8, clients - first) }, (_, index) => first + index);
    owners.push(...(await Promise.all(numbers.map((number) => signIn(emulator.origin, number)))));
  }
  const connections = new PacedConnections(emulator.mcpUrl, IN_FLIGHT, new KilledProcesses());
  const samplingConnection = new PacedConnections(emulator.mcpUrl, 1, new KilledProcesses());
  const samplers = owners.map((owner, number) => new ModernClient(owner, samplingConnection, number));
  let answeredToSdks = 0;
  const answered = () => connections.milliseconds.length + answeredToSdks;
  // The authorizer verifies each token once. At the same time, these requests would start an environment per connection.
  for (const sampler of samplers) await sampler.memory();
  connections.pauseMilliseconds = pauseMilliseconds;

  const samples: Sample[] = [];
  let sampling = Promise.resolve();
  const sample = async (start: number) => {
    for (let each = 0; each < SAMPLES_PER_SAMPLING; each++) {
      const { environment, requests, heapBytes, rssBytes } = await samplers[0]!.memory();
      const seconds = Math.round(secondsSince(start));
      samples.push({ environment, requests, heapBytes, rssBytes, seconds, answered: answered() });
    }
  };

  report(`${wanted} requests`);
  const start = performance.now();
  const raw = rawClients(owners, connections);
  const sdks = sdkClients(emulator, connections, () => {
    answeredToSdks++;
  });
  let samplings = 0;
  const continues = () => {
    if (answered() >= (samplings * wanted) / SAMPLINGS) {
      samplings++;
      sampling = sampling.then(() => sample(start));
    }
    return answered() < wanted;
  };
  const progress = setInterval(() => {
    const rate = answered() / secondsSince(start);
    const heap = samples.at(-1) ? `, ${megabytes(samples.at(-1)!.heapBytes)} heap` : '';
    report(`${answered()} of ${wanted} requests, ${rate.toFixed(0)} per second${heap}`);
  }, 10_000);
  const requests = await emulator.requestsOf(async () => {
    await Promise.all([...raw, ...sdks].map((client) => client(continues)));
    await sampling;
  });
  clearInterval(progress);
  const seconds = secondsSince(start);

  const failures = emulator.log.split('\n').filter((line) => /^[A-Z]+ \S+ (0|5\d\d) /.test(line));
  const count = answered() + samples.length;
  const perRequest = (operations: Record<string, number>) => {
    const all = Object.entries(operations).map(([operation, times]) => [operation, rounded(times / count)]);
    const sum = Object.values(operations).reduce((total, times) => total + times, 0);
    return { all: rounded(sum / count), ...Object.fromEntries(all) } as Record<string, number>;
  };
  const latency = [0.5, 0.9, 0.99, 1].map((part) => Math.round(percentile(connections.milliseconds, part) * 10) / 10);
  const [p50, p90, p99, maximum] = latency as [number, number, number, number];
  const result = {
    requests: count,
    clients: raw.length + sdks.length,
    seconds: Math.round(seconds),
    requestsPerSecond: rounded(count / seconds),
    milliseconds: { p50, p90, p99, maximum },
    storeOperationsPerRequest: perRequest(requests.dynamodb),
    keyServiceCallsPerRequest: perRequest(requests.kms),
    environments: new Set(samples.map(({ environment }) => environment)).size,
    memory: samples,
    growth: growthOf(samples, answered()),
    failures: failures.length,
  };
  if (values.json) console.log(JSON.stringify(result, null, 2));
  else print(result);
  if (result.growth.verdict === 'growth' || failures.length > 0) process.exitCode = 1;
  connections.close();
  samplingConnection.close();
} finally {
  await close();
}

function print(result: {
  requests: number;
  clients: number;
  seconds: number;
  requestsPerSecond: number;
  milliseconds: { p50: number; p90: number; p99: number; maximum: number };
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
    growth.slopeBytes === undefined ? '' : `, ${growth.slopeBytes} ± ${growth.errorBytes} bytes per request`;
  const rows: [string, string][] = [
    ['requests', `${result.requests} of ${result.clients} clients in ${result.seconds} s`],
    ['throughput', `${result.requestsPerSecond} requests per second`],
    [
      'latency',
      `p50 ${milliseconds.p50}, p90 ${milliseconds.p90}, p99 ${milliseconds.p99}, maximum ${milliseconds.maximum} ms`,
    ],
    ['table requests', `${costs(result.storeOperationsPerRequest)} per request`],
    ['KMS requests', `${costs(result.keyServiceCallsPerRequest)} per request`],
    ['environments', `${result.environments}`],
    ['failures', `${result.failures}`],
  ];
  for (const [name, text] of rows) console.log(`${name.padEnd(20)}${text}`);
  console.log(
    '\nmemory: all requests, requests of the environment, its live heap, the emulator process with the table',
  );
  const every = Math.max(1, Math.floor(memory.length / 20));
  for (const sample of memory.filter((_, index) => index % every === 0)) {
    const { answered, requests, heapBytes, rssBytes } = sample;
    console.log(
      `${String(answered).padStart(8)}${String(requests).padStart(8)}${megabytes(heapBytes).padStart(12)}${megabytes(rssBytes).padStart(12)}`,
    );
  }
  console.log(
    `\n${growth.verdict}: ${growth.samples} samples of the second half${slope} of an environment (bound: ${growth.boundBytes})`,
  );
}

function rounded(number: number): number {
  return Math.round(number * 10_000) / 10_000;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(2)} MB`;
}
