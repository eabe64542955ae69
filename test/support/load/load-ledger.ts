import { randomUUID } from 'node:crypto';
import { demoUsers, subjectOf } from '../../../local/cognito/demo-users.ts';
import { hold } from '../../load/load-claims.ts';
import { lost } from './killed-processes.ts';
import type { Appended, Incremented, Seen } from './load-server.ts';

/** One OAuth client and the user it acts for. */
export type LedgerUser = { username: string; clientId: string; clientName: string; token: string; grant: string };

/** Calls a tool. */
export type Call = (tool: string, input: { call: string }) => Promise<unknown | typeof lost>;

/** What all clients of a user know of its counter. */
export class Tally {
  attempted = 0;
  acknowledged = 0;
  conflicts = 0;
}

export const tallies = new Map(demoUsers.map(({ username }) => [username, new Tally()]));

/** The key of each user, as the first answer had it: the later ones have to agree, and no two users to share one. */
const keys = new Map<string, string>();

/** What a client knows of one session, and holds every answer in it against. */
export class Book {
  readonly owner: LedgerUser;
  readonly era: 'legacy' | 'modern';
  readonly clientInfo: string;
  /** Unknown until the first answer. */
  id: string | undefined;
  startedAt: string | undefined;
  readonly acknowledged = new Set<string>();
  /** Calls that have no answer yet, or never had one: they may be recorded or not. */
  readonly unanswered = new Set<string>();

  constructor(owner: LedgerUser, era: Book['era'], clientInfo: string, id?: string) {
    this.owner = owner;
    this.era = era;
    this.clientInfo = clientInfo;
    this.id = id;
  }

  /** Has a call recorded in the session; when its answer is lost another one, in the same session. */
  async append(call: Call): Promise<void> {
    for (;;) {
      const name = randomUUID();
      const before = [...this.acknowledged];
      this.unanswered.add(name);
      const answer = (await call('append', { call: name })) as Appended | typeof lost;
      if (answer === lost) continue;
      this.check(answer, name);
      this.#checkCalls(answer.calls, [...before, name]);
      this.unanswered.delete(name);
      this.acknowledged.add(name);
      return;
    }
  }

  /** Counts one more for the user. */
  async increment(call: Call): Promise<void> {
    const tally = tallies.get(this.owner.username)!;
    for (;;) {
      const name = randomUUID();
      const least = tally.acknowledged + 1;
      tally.attempted++;
      const answer = (await call('increment', { call: name })) as Incremented | typeof lost;
      if (answer === lost) continue;
      this.check(answer, name);
      tally.acknowledged++;
      tally.conflicts += answer.conflicts;
      const { counter } = answer;
      hold('updates', counter >= least && counter <= tally.attempted, () => {
        return `${this.owner.username}'s counter was ${counter} after ${least} to ${tally.attempted} increments`;
      });
      return;
    }
  }

  check(seen: Seen, call: string): void {
    const { owner } = this;
    const subject = subjectOf(demoUsers.find(({ username }) => username === owner.username)!);
    if (!keys.has(owner.username)) keys.set(owner.username, seen.user.key);
    const own: [string, unknown, unknown][] = [
      ['call', seen.call, call],
      ['subject', seen.user.subject, subject],
      ['user key', seen.user.key, keys.get(owner.username)],
      ['client id', seen.client.id, owner.clientId],
      ['client name', seen.client.name, owner.clientName],
      ['clientInfo', seen.clientInfo, this.clientInfo],
      ['era', seen.session.era, this.era],
    ];
    for (const [what, found, expected] of own) {
      hold('own', found === expected, () => `${what} ${found} instead of ${expected}, for ${owner.clientName}`);
    }
    hold('own', new Set(keys.values()).size === keys.size, () => 'two users have the same key');
    this.id ??= seen.session.id;
    this.startedAt ??= seen.session.startedAt;
    const { id, startedAt } = seen.session;
    hold('sessions', id === this.id, () => `session ${id} instead of ${this.id}`);
    hold('sessions', startedAt === this.startedAt, () => `${id} started ${startedAt} instead of ${this.startedAt}`);
  }

  /** Holds the calls that are recorded against those that are known. */
  #checkCalls(recorded: string[], acknowledged: Iterable<string>): void {
    const found = new Set(recorded);
    hold('once', found.size === recorded.length, () => `${this.id} has a call twice: ${recorded}`);
    for (const call of acknowledged) hold('once', found.has(call), () => `${this.id} has lost the call ${call}`);
    for (const call of found) {
      const known = this.acknowledged.has(call) || this.unanswered.has(call);
      hold('own', known, () => `${this.id} has a call that is not its own: ${call}`);
    }
  }

  /** The last look, at what stands in the table. */
  audit(recorded: string[] = []): void {
    this.#checkCalls(recorded, this.acknowledged);
  }
}
