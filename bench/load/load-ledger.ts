import { randomUUID } from 'node:crypto';
import { demoUsers, subjectOf } from '../../local/cognito/demo-users.ts';
import { lost } from './killed-processes.ts';
import { assertGuarantee } from './load-guarantees.ts';
import type { Appended, Incremented, Observation } from './load-server.ts';

/** An OAuth client and the user for whom it acts. */
export type LoadUser = { username: string; clientId: string; clientName: string; token: string; grant: string };

/** Calls a tool. */
export type ToolCaller = (tool: string, input: { call: string }) => Promise<unknown | typeof lost>;

/** The increments of a user's counter by all of its clients. */
export class CounterLedger {
  attempted = 0;
  acknowledged = 0;
  conflicts = 0;
}

export const counters = new Map(demoUsers.map(({ username }) => [username, new CounterLedger()]));

/** The key of each user in the first response. Later responses must agree, and no two users may share a key. */
const keys = new Map<string, string>();

/** A client's knowledge of one session. Every response in the session must agree with it. */
export class SessionLedger {
  readonly owner: LoadUser;
  readonly era: 'legacy' | 'modern';
  readonly clientInfo: string;
  /** Unknown until the first response. */
  id: string | undefined;
  startedAt: string | undefined;
  readonly acknowledged = new Set<string>();
  /** Calls without a response: the table may have them or not. */
  readonly unanswered = new Set<string>();

  constructor(owner: LoadUser, era: SessionLedger['era'], clientInfo: string, id?: string) {
    this.owner = owner;
    this.era = era;
    this.clientInfo = clientInfo;
    this.id = id;
  }

  /** Appends a call to the session, and another one when the response is lost. */
  async append(call: ToolCaller): Promise<void> {
    for (;;) {
      const name = randomUUID();
      const before = [...this.acknowledged];
      this.unanswered.add(name);
      const result = (await call('append', { call: name })) as Appended | typeof lost;
      if (result === lost) continue;
      this.check(result, name);
      this.#checkCalls(result.calls, [...before, name]);
      this.unanswered.delete(name);
      this.acknowledged.add(name);
      return;
    }
  }

  /** Increments the counter of the user. */
  async increment(call: ToolCaller): Promise<void> {
    const ledger = counters.get(this.owner.username)!;
    for (;;) {
      const name = randomUUID();
      const least = ledger.acknowledged + 1;
      ledger.attempted++;
      const result = (await call('increment', { call: name })) as Incremented | typeof lost;
      if (result === lost) continue;
      this.check(result, name);
      ledger.acknowledged++;
      ledger.conflicts += result.conflicts;
      const { counter } = result;
      assertGuarantee('updates', counter >= least && counter <= ledger.attempted, () => {
        return `the counter of ${this.owner.username} was ${counter} after ${least} to ${ledger.attempted} increments`;
      });
      return;
    }
  }

  check(observed: Observation, call: string): void {
    const { owner } = this;
    const subject = subjectOf(demoUsers.find(({ username }) => username === owner.username)!);
    if (!keys.has(owner.username)) keys.set(owner.username, observed.user.key);
    const members: [string, unknown, unknown][] = [
      ['call', observed.call, call],
      ['subject', observed.user.subject, subject],
      ['user key', observed.user.key, keys.get(owner.username)],
      ['client id', observed.client.id, owner.clientId],
      ['client name', observed.client.name, owner.clientName],
      ['clientInfo', observed.clientInfo, this.clientInfo],
      ['era', observed.session.era, this.era],
    ];
    for (const [member, found, expected] of members) {
      const describe = () => `${member} ${found} instead of ${expected}, for ${owner.clientName}`;
      assertGuarantee('isolation', found === expected, describe);
    }
    assertGuarantee('isolation', new Set(keys.values()).size === keys.size, () => 'two users have the same key');
    this.id ??= observed.session.id;
    this.startedAt ??= observed.session.startedAt;
    const { id, startedAt } = observed.session;
    assertGuarantee('sessions', id === this.id, () => `session ${id} instead of ${this.id}`);
    const describe = () => `${id} started ${startedAt} instead of ${this.startedAt}`;
    assertGuarantee('sessions', startedAt === this.startedAt, describe);
  }

  /** Compares the stored calls with the known ones. */
  #checkCalls(stored: string[], acknowledged: Iterable<string>): void {
    const found = new Set(stored);
    assertGuarantee('once', found.size === stored.length, () => `${this.id} has a call twice: ${stored}`);
    for (const call of acknowledged) {
      assertGuarantee('once', found.has(call), () => `${this.id} has lost the call ${call}`);
    }
    for (const call of found) {
      const isKnown = this.acknowledged.has(call) || this.unanswered.has(call);
      assertGuarantee('isolation', isKnown, () => `${this.id} has a call of another session: ${call}`);
    }
  }

  /** Compares the calls in the table with the acknowledged ones, after the load. */
  audit(stored: string[] = []): void {
    this.#checkCalls(stored, this.acknowledged);
  }
}
