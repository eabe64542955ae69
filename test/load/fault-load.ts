import { Random } from '../../bench/harness/random.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { FaultBackground } from './fault-background.ts';
import { CounterTallies, FaultClient, type FaultLoad, type Tally } from './fault-client.ts';
import { type FaultGuarantee, Findings, faultGuarantees } from './fault-findings.ts';
import { Slots } from './slots.ts';

/** Requests in flight. With more of them on two cores, the timeouts of the store (3 s) would be the faults. */
const IN_FLIGHT = 16;

export type FaultLoadOptions = { clients: number; rounds: number; seed: number; report: (line: string) => void };

/**
 * Clients of both eras while requests of every function fail and processes of every function are killed. Each client keeps
 * the counts of its requests and of their acknowledgements; after the faults, they must agree with the table.
 */
export async function runFaultLoad({ clients: count, rounds, seed, report }: FaultLoadOptions) {
  const findings = new Findings(report);
  report(`faults: synthesizing the stack, seed ${seed}`);
  const cloud = await TestCloud.start();
  cloud.expectEveryFailure();
  try {
    const clients: FaultClient[] = [];
    const load: FaultLoad = { cloud, findings, slots: new Slots(IN_FLIGHT), clients, counters: new CounterTallies() };
    for (let number = 0; number < count; number++) {
      clients.push(new FaultClient(load, number, new Random(seed * 1000 + number)));
    }
    const background = new FaultBackground(cloud, new Random(seed), findings);
    let done = 0;
    const progress = setInterval(() => {
      const doing = Map.groupBy(clients, (client) => client.doing);
      const busy = Array.from(doing, ([action, { length }]) => `${length} ${action}`).join(', ');
      report(`faults: ${done} of ${count * rounds} rounds; clients: ${busy}`);
    }, 10_000);
    try {
      const disturbed = background.run();
      const traffic = clients.map(async (client) => {
        await client.begin();
        for (let round = 0; round < rounds; round++) {
          await client.round();
          done++;
        }
      });
      // A failure of the background ends the run.
      await Promise.race([Promise.all(traffic), disturbed]);
      background.stop();
      await disturbed;
    } finally {
      clearInterval(progress);
      background.stop();
    }
    report('faults: comparing with the table');
    await cloud.settled();
    await Promise.all(clients.map((client) => client.finish()));
    await compare(load);
    const counters = {
      clients: count,
      rounds: done,
      actions: sumOf(clients.map((client) => client.done)),
      calls: total(clients),
      tasks: clients.reduce((sum, { completed }) => sum + completed.size, 0),
      streamsResumed: clients.reduce((sum, { resumed }) => sum + resumed, 0),
      unanswered: clients.reduce((sum, { lost }) => sum + lost, 0),
      interrupted: clients.reduce((sum, { interrupted }) => sum + interrupted, 0),
      faults: background.faults,
      kills: background.kills,
      dashboard: background.dashboard,
      auditWritesFailed: linesWith(cloud, 'audit_write_failed').length,
    };
    // A guarantee is measured only if its cause has occurred.
    for (const [name, hits] of Object.entries({ ...background.faults, ...background.kills })) {
      findings.expect('answers', hits > 0, () => `there was no ${name}: the guarantee was not measured`);
    }
    return { counters, guarantees: verdicts(findings) };
  } finally {
    await cloud.stop();
  }
}

const verdicts = ({ all }: Findings) =>
  Object.entries(faultGuarantees).map(([name, guarantee]) => {
    const violations = all.filter((each) => each.guarantee === (name as FaultGuarantee)).map(({ message }) => message);
    return { guarantee, holds: violations.length === 0, violations };
  });

async function compare({ cloud, clients, counters, findings }: FaultLoad): Promise<void> {
  const items = await cloud.items();
  const entries = items.filter(({ pk }) => pk.startsWith('D#'));
  const byClient = Map.groupBy(entries, ({ client }) => client);
  // The sort key of an entry is its time and its id, which is the task's.
  const byId = Map.groupBy(entries, ({ sk }) => sk.slice(sk.indexOf('#') + 1));
  /** The key of each user, by its first entry. */
  const users = new Map<string, unknown>();
  for (const client of clients) {
    const own = byClient.get(client.clientId) ?? [];
    for (const [tool, tally] of client.calls) {
      const logged = own.filter((entry) => entry.tool === tool);
      const successes = logged.filter(({ outcome }) => outcome === 'success').length;
      findings.expect('audit', successes >= tally.acknowledged && logged.length <= tally.attempted, () =>
        difference(`${successes} successes, calls of ${tool} by ${client.name}`, logged.length, tally),
      );
    }
    for (const task of client.completed) {
      const logged = byId.get(task)?.length ?? 0;
      findings.expect('tasks', logged === 1, () => `${task} of ${client.name} is ${logged} times in the audit log`);
    }
    for (const { user } of own) {
      if (!users.has(client.username)) users.set(client.username, user);
      const holds = user === users.get(client.username);
      findings.expect('isolation', holds, () => `a call of ${client.name} is logged for ${user}`);
    }
  }
  for (const tally of counters.values()) {
    const { username, counter, acknowledged, attempted } = tally;
    const stored = items.find(({ pk, key }) => pk === `N#${users.get(username)}` && key === `counter/${counter}`);
    const value = Number(stored?.value ?? 0);
    findings.expect('counts', value >= acknowledged && value <= attempted, () =>
      difference(`the counter ${counter} of ${username}`, value, tally),
    );
  }
  const known = new Set(clients.map(({ clientId }) => clientId));
  const unknown = entries.filter(({ client }) => !known.has(String(client))).length;
  findings.expect('audit', unknown === 0, () => `${unknown} calls in the audit log are of no client`);
  findings.expect('isolation', new Set(users.values()).size === users.size, () => 'two users have the same key');
  const unexpected = linesWith(cloud, 'unexpected_error');
  findings.expect('log', unexpected.length === 0, () => `${unexpected.length} unexpected errors: ${unexpected[0]}`);
}

const linesWith = ({ log }: TestCloud, event: string): string[] =>
  log.split('\n').filter((line) => line.includes(`"${event}"`));

const difference = (what: string, found: number, { acknowledged, attempted }: Tally) =>
  `${what}: ${found} instead of ${acknowledged} to ${attempted}`;

function sumOf(all: Record<string, number>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [name, count] of all.flatMap((each) => Object.entries(each))) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

function total(clients: FaultClient[]): Tally {
  const tallies = clients.flatMap(({ calls }) => [...calls.values()]);
  const [attempted, acknowledged] = (['attempted', 'acknowledged'] as const).map((member) =>
    tallies.reduce((sum, tally) => sum + tally[member], 0),
  ) as [number, number];
  return { attempted, acknowledged };
}
