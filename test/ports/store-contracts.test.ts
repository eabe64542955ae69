import type { MemoryStores } from '../../lambda/adapters/memory/memory-stores.ts';
import type { Grant } from '../../lambda/core/access/grant.ts';
import type { ListedPage, ListOptions } from '../../lambda/core/admin/directory.ts';
import { type Aggregates, steps } from '../../lambda/core/audit/aggregates.ts';
import type { RareCalls } from '../../lambda/core/audit/rare-calls.ts';
import { BUCKET_MILLISECONDS, callName, type ToolCall } from '../../lambda/core/audit/tool-call.ts';
import type { UsageAggregates } from '../../lambda/core/audit/usage-aggregates.ts';
import {
  cancelled,
  type Execution,
  type ExecutionEvent,
  newExecution,
  nextVersion,
} from '../../lambda/core/mcp/execution.ts';
import {
  CURRENT,
  formerName,
  type ImportedSession,
  MOST_SUBSCRIPTIONS,
  type Session,
} from '../../lambda/core/sessions/session.ts';
import { adapters } from '../support/contract-stores.ts';
import { toolCall } from '../support/tool-call-builder.ts';

jest.setTimeout(30_000);

const now = 1_800_000_000;
let serial = 0;
const fresh = (what: string) => `${what}-${++serial}`;

const aGrant = (change: Partial<Grant> = {}): Grant => ({
  id: fresh('grant'),
  status: 'active',
  user: 'user-of-ada',
  issuer: 'https://idp.example',
  subject: 'ada',
  client: 'dcr_1',
  clientName: 'Test',
  scopes: ['mcp'],
  groups: [],
  createdAt: now,
  absoluteExpiresAt: now + 9000,
  idleExpiresAt: now + 3000,
  refresh: { head: 1, predecessor: 0, superseded: {} },
  ...change,
});

const aSession = (change: Partial<Session> = {}): Session => ({
  id: fresh('session'),
  grant: 'grant-of-ada',
  user: 'user-of-ada',
  era: 'legacy',
  startedAt: now,
  lastSeenAt: now,
  expiresAt: now + 600,
  initialize: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  ...change,
});

const anImport = (change: Partial<ImportedSession> = {}): ImportedSession => ({
  id: fresh('session'),
  user: fresh('user'),
  initialize: { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'old', version: '0' } },
  startedAt: now - 5000,
  expiresAt: now + 300,
  ...change,
});

/** The session that continues an imported one. */
const goingOn = ({ user, startedAt, initialize }: ImportedSession) =>
  aSession({ user, startedAt, initialize, grant: fresh('grant') });

const aRun = (grant = fresh('grant')): Execution =>
  newExecution(grant, 'session-of-ada', 'stream', [1, 'two'], now, 600);

const events = (from: number, to: number): ExecutionEvent[] =>
  Array.from({ length: to - from + 1 }, (_, index) => ({ number: from + index, message: { event: from + index } }));

/** Characters of one to four bytes, so that every cut of the bytes falls into one. */
const textOf = (megabytes: number) => 'aé€𝄞'.repeat((megabytes * 1024 * 1024) / 10);

const created = (grant: Grant) => ({
  grant,
  tokens: { sealed: 'sealed-1', version: 1, expiresAt: now + 100, refreshedAt: now },
  codeHash: fresh('code'),
  code: {
    grant: grant.id,
    user: grant.user,
    client: grant.client,
    redirectUri: 'http://127.0.0.1/cb',
    challenge: 'c',
    scopes: ['mcp'],
    expiresAt: now + 60,
  },
  approval: {
    user: grant.user,
    client: grant.client,
    clientName: 'Test',
    redirectHost: '127.0.0.1',
    scopes: ['mcp'],
    at: now,
  },
});

describe.each(adapters)('the stores in %s', (_name, open) => {
  let stores: MemoryStores;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ stores, close } = await open());
  });
  afterAll(() => close());

  describe('sessions', () => {
    test('find returns a session with its grant, and nothing for unknown ones', async () => {
      const grant = aGrant();
      await stores.grants.createGrant(created(grant));
      const session = aSession({ grant: grant.id });
      expect(await stores.sessions.start(session, now)).toBe(true);
      expect(await stores.sessions.find(grant.id, session.id)).toEqual({ grant, stored: session });
      expect(await stores.sessions.find('no-such-grant', session.id)).toEqual({});
    });

    test('start does not replace an unexpired session under the same name', async () => {
      const first = aSession({ grant: fresh('grant'), era: 'modern' });
      const second = { ...first, id: fresh('session') };
      expect(await stores.sessions.start(first, now)).toBe(true);
      expect(await stores.sessions.start(second, now)).toBe(false);
      expect((await stores.sessions.find(first.grant, CURRENT)).stored).toMatchObject({ id: first.id });
      expect(await stores.sessions.start(second, first.expiresAt)).toBe(true);
      expect((await stores.sessions.find(first.grant, CURRENT)).stored).toMatchObject({ id: second.id });
    });

    test('start moves the expired session to its former name unchanged', async () => {
      const first = aSession({ grant: fresh('grant'), era: 'modern' });
      const second = { ...first, id: fresh('session'), expiresAt: first.expiresAt + 600 };
      await stores.sessions.start(first, now);
      expect(await stores.sessions.start(second, now, first)).toBe(false);
      expect((await stores.sessions.find(first.grant, formerName(first))).stored).toBeUndefined();
      expect(await stores.sessions.start(second, first.expiresAt, first)).toBe(true);
      expect((await stores.sessions.find(first.grant, formerName(first))).stored).toEqual(first);
      expect((await stores.sessions.find(first.grant, CURRENT)).stored).toEqual(second);
    });

    test('start succeeds for one of many concurrent sessions', async () => {
      const grant = fresh('grant');
      const starts = Array.from({ length: 10 }, () => stores.sessions.start(aSession({ grant, era: 'modern' }), now));
      expect((await Promise.all(starts)).filter(Boolean)).toHaveLength(1);
    });

    test('renew puts the session under its id and a pointer under the stale name', async () => {
      const session = aSession({ grant: fresh('grant') });
      expect(await stores.sessions.renew(session, 'stale', now)).toBe(true);
      const stale = await stores.sessions.find(session.grant, 'stale');
      expect(stale.stored).toEqual({ renewedAs: session.id, expiresAt: session.expiresAt });
      expect((await stores.sessions.find(session.grant, session.id)).stored).toEqual(session);
    });

    test('renew replaces a pointer that leads to the former session, and no other', async () => {
      const [first, second, third] = [aSession(), aSession(), aSession()];
      const { grant } = first;
      const stale = fresh('stale');
      expect(await stores.sessions.renew(first, stale, now)).toBe(true);
      expect(await stores.sessions.renew({ ...second, grant }, stale, now, third.id)).toBe(false);
      expect(await stores.sessions.renew({ ...second, grant }, stale, now, first.id)).toBe(true);
      expect((await stores.sessions.find(grant, stale)).stored).toMatchObject({ renewedAs: second.id });
      expect(await stores.sessions.renew({ ...third, grant }, second.id, now, second.id)).toBe(false);
    });

    test('slide extends the pointer that led to the session, and creates none', async () => {
      const session = aSession();
      const { grant } = session;
      const stale = fresh('stale');
      const unknown = fresh('unknown');
      const until = session.expiresAt + 60;
      await stores.sessions.renew(session, stale, now);
      await stores.sessions.slide(session, now + 60, until, stale);
      expect((await stores.sessions.find(grant, stale)).stored).toEqual({ renewedAs: session.id, expiresAt: until });
      expect((await stores.sessions.find(grant, session.id)).stored).toMatchObject({ expiresAt: until });
      await stores.sessions.slide(session, now + 60, until, unknown);
      expect((await stores.sessions.find(grant, unknown)).stored).toBeUndefined();
    });

    test('renew changes nothing when an unexpired item is under the stale name', async () => {
      const [first, second] = [aSession({ grant: fresh('grant') }), aSession()];
      await stores.sessions.renew(first, 'stale', now);
      expect(await stores.sessions.renew({ ...second, grant: first.grant }, 'stale', now)).toBe(false);
      expect((await stores.sessions.find(first.grant, second.id)).stored).toBeUndefined();
    });

    test('slide moves the expiry, and does not revive an ended or expired session', async () => {
      const session = aSession({ grant: fresh('grant') });
      await stores.sessions.start(session, now);
      await stores.sessions.slide(session, now + 100, now + 700);
      const slid = { ...session, lastSeenAt: now + 100, expiresAt: now + 700 };
      expect((await stores.sessions.find(session.grant, session.id)).stored).toEqual(slid);
      await stores.sessions.slide(session, now + 700, now + 1300);
      expect((await stores.sessions.find(session.grant, session.id)).stored).toEqual(slid);
      await stores.sessions.end(session.grant, session.id, now + 200);
      await stores.sessions.slide(session, now + 300, now + 900);
      const ended = { ...slid, endedAt: now + 200 };
      expect((await stores.sessions.find(session.grant, session.id)).stored).toEqual(ended);
    });

    test('end creates no item for an unknown session', async () => {
      await stores.sessions.end('some-grant', 'unknown', now);
      expect((await stores.sessions.find('some-grant', 'unknown')).stored).toBeUndefined();
    });

    test('findImported returns an imported session to its user alone, as first imported', async () => {
      const imported = anImport();
      expect(await stores.sessions.addImported(imported, now)).toBe(true);
      expect(await stores.sessions.addImported({ ...imported, startedAt: now }, now)).toBe(false);
      expect(await stores.sessions.findImported(imported.user, imported.id)).toEqual(imported);
      expect(await stores.sessions.findImported(fresh('user'), imported.id)).toBeUndefined();
      expect(await stores.sessions.addImported({ ...imported, startedAt: now }, imported.expiresAt)).toBe(true);
    });

    test('adoptImported turns an imported session into a session', async () => {
      const imported = anImport();
      const session = goingOn(imported);
      await stores.sessions.addImported(imported, now);
      expect(await stores.sessions.adoptImported(session, imported.id, now)).toBe(true);
      expect((await stores.sessions.find(session.grant, session.id)).stored).toEqual(session);
      expect((await stores.sessions.find(session.grant, imported.id)).stored).toMatchObject({ renewedAs: session.id });
      expect(await stores.sessions.findImported(imported.user, imported.id)).toBeUndefined();
      expect(await stores.sessions.adoptImported(goingOn(imported), imported.id, now)).toBe(false);
    });

    test('adoptImported succeeds for one of many concurrent requests', async () => {
      const imported = anImport();
      await stores.sessions.addImported(imported, now);
      const sessions = Array.from({ length: 10 }, () => goingOn(imported));
      const taken = await Promise.all(
        sessions.map((session) => stores.sessions.adoptImported(session, imported.id, now)),
      );
      expect(taken.filter(Boolean)).toHaveLength(1);
      const found = await Promise.all(sessions.map(({ grant, id }) => stores.sessions.find(grant, id)));
      expect(found.map(({ stored }) => stored !== undefined)).toEqual(taken);
    });

    test('adoptImported rejects an unknown, foreign or expired imported session, and a used id', async () => {
      const [missing, expired, taken] = [anImport(), anImport({ expiresAt: now }), anImport()];
      await stores.sessions.addImported(expired, now - 10);
      await stores.sessions.addImported(taken, now);
      const session = goingOn(taken);
      await stores.sessions.start({ ...session, id: taken.id }, now);
      const attempts: [Session, string][] = [
        [goingOn(missing), missing.id],
        [goingOn(expired), expired.id],
        [{ ...goingOn(taken), user: fresh('user') }, taken.id],
        [session, taken.id],
      ];
      for (const [attempt, id] of attempts) expect(await stores.sessions.adoptImported(attempt, id, now)).toBe(false);
      expect(await stores.sessions.findImported(taken.user, taken.id)).toEqual(taken);
    });

    test('savePreferences stores log level and subscriptions and changes nothing else', async () => {
      const session = aSession({ grant: fresh('grant') });
      await stores.sessions.start(session, now);
      const noted = async () => (await stores.sessions.find(session.grant, session.id)).stored;
      await stores.sessions.savePreferences(session, { logLevel: 'error' }, now);
      expect(await noted()).toEqual({ ...session, logLevel: 'error' });
      await stores.sessions.savePreferences(session, { subscribed: 'a:1' }, now);
      await stores.sessions.savePreferences(session, { subscribed: 'a:2' }, now);
      await stores.sessions.savePreferences(session, { subscribed: 'a:2' }, now);
      await stores.sessions.savePreferences(session, { logLevel: 'debug' }, now);
      expect(await noted()).toEqual({ ...session, logLevel: 'debug', subscriptions: new Set(['a:1', 'a:2']) });
      await stores.sessions.savePreferences(session, { unsubscribed: 'a:1' }, now);
      await stores.sessions.savePreferences(session, { unsubscribed: 'a:3' }, now);
      expect(await noted()).toEqual({ ...session, logLevel: 'debug', subscriptions: new Set(['a:2']) });
      await stores.sessions.savePreferences(session, { unsubscribed: 'a:2' }, now);
      expect(await noted()).toEqual({ ...session, logLevel: 'debug' });
    });

    test('savePreferences stores concurrent subscriptions', async () => {
      const session = aSession({ grant: fresh('grant') });
      await stores.sessions.start(session, now);
      const uris = Array.from({ length: 10 }, (_, index) => `a:${index}`);
      await Promise.all(uris.map((subscribed) => stores.sessions.savePreferences(session, { subscribed }, now)));
      const { stored } = await stores.sessions.find(session.grant, session.id);
      expect(stored).toMatchObject({ subscriptions: new Set(uris) });
    });

    test('savePreferences does nothing for an ended, expired or unknown session', async () => {
      const session = aSession({ grant: fresh('grant') });
      await stores.sessions.savePreferences(session, { logLevel: 'error' }, now);
      expect((await stores.sessions.find(session.grant, session.id)).stored).toBeUndefined();
      await stores.sessions.start(session, now);
      await stores.sessions.savePreferences(session, { logLevel: 'error' }, session.expiresAt);
      expect((await stores.sessions.find(session.grant, session.id)).stored).toEqual(session);
      await stores.sessions.end(session.grant, session.id, now + 1);
      await stores.sessions.savePreferences(session, { logLevel: 'error' }, now + 2);
      expect((await stores.sessions.find(session.grant, session.id)).stored).toEqual({ ...session, endedAt: now + 1 });
    });

    test('savePreferences stores at most as many subscriptions as allowed', async () => {
      const session = aSession({ grant: fresh('grant') });
      await stores.sessions.start(session, now);
      for (let index = 0; index <= MOST_SUBSCRIPTIONS; index++) {
        await stores.sessions.savePreferences(session, { subscribed: `a:${index}` }, now);
      }
      const { stored } = await stores.sessions.find(session.grant, session.id);
      expect((stored as Session).subscriptions?.size).toBe(MOST_SUBSCRIPTIONS);
      expect((stored as Session).subscriptions).not.toContain(`a:${MOST_SUBSCRIPTIONS}`);
    });
  });

  describe('executions', () => {
    test('findExecution returns an execution in its grant alone, unchanged, expired or not', async () => {
      const run: Execution = {
        ...aRun(),
        open: ['0'],
        answers: { 1: 'name' },
        message: 'half done',
        runner: 'r',
        leaseUntil: 1,
      };
      await stores.executions.createExecution(run, 'the request');
      expect(await stores.executions.findExecution(run.grant, run.id)).toEqual(run);
      expect(await stores.executions.findExecution(fresh('grant'), run.id)).toBeUndefined();
      expect(await stores.executions.findExecution(run.grant, 'unknown')).toBeUndefined();
      const expired = { ...aRun(), expiresAt: 1 };
      await stores.executions.createExecution(expired, 'the request');
      expect(await stores.executions.findExecution(expired.grant, expired.id)).toEqual(expired);
    });

    test('saveExecution removes undefined members', async () => {
      const run: Execution = { ...aRun(), runner: 'r', leaseUntil: 1 };
      await stores.executions.createExecution(run, '');
      const free = nextVersion(run, now, { runner: undefined, leaseUntil: undefined });
      expect(await stores.executions.saveExecution(free)).toBe(true);
      expect(await stores.executions.findExecution(run.grant, run.id)).toEqual(free);
    });

    test('saveExecution succeeds for one of many concurrent writes of a version', async () => {
      const run = aRun();
      await stores.executions.createExecution(run, '');
      const saves = Array.from({ length: 10 }, (_, index) => nextVersion(run, now, { message: `${index}` }));
      const saved = await Promise.all(saves.map((each) => stores.executions.saveExecution(each)));
      expect(saved.filter(Boolean)).toHaveLength(1);
      expect(await stores.executions.findExecution(run.grant, run.id)).toEqual(saves[saved.indexOf(true)]);
      expect(await stores.executions.saveExecution(nextVersion(run, now, { message: 'late' }))).toBe(false);
    });

    test('saveExecution succeeds for a repeated write whose response was lost', async () => {
      const run = aRun();
      await stores.executions.createExecution(run, '');
      await stores.executions.createExecution(run, '');
      const saved = nextVersion(run, now, { status: 'input-required' });
      expect(await stores.executions.saveExecution(saved)).toBe(true);
      expect(await stores.executions.saveExecution(saved)).toBe(true);
      const followed = nextVersion(saved, now, { status: 'done' });
      expect(await stores.executions.saveExecution(followed)).toBe(true);
      expect(await stores.executions.saveExecution(saved)).toBe(false);
      expect(await stores.executions.findExecution(run.grant, run.id)).toEqual(followed);
    });

    test('saveExecution rejects an unknown execution', async () => {
      const run = aRun();
      expect(await stores.executions.saveExecution(nextVersion(run, now, {}))).toBe(false);
      expect(await stores.executions.findExecution(run.grant, run.id)).toBeUndefined();
    });

    test('cancellationsOf returns the last cancellation of each request of the session, by the type of its id', async () => {
      const run = { ...aRun(), requests: [1, 'é'.repeat(256)] };
      const { grant, session } = run;
      const cancellation = { grant, session, request: 1, at: now * 1000, expiresAt: now + 60 };
      const ofText = { ...cancellation, request: 'é'.repeat(256) };
      const later = { ...cancellation, at: cancellation.at + 1 };
      expect(await stores.executions.cancellationsOf(run)).toEqual([]);
      for (const other of [
        { ...cancellation, request: '1' },
        { ...cancellation, session: fresh('session') },
        { ...cancellation, grant: fresh('grant') },
      ]) {
        await stores.executions.addCancellation(other);
      }
      expect(await stores.executions.cancellationsOf(run)).toEqual([]);
      for (const each of [cancellation, ofText, later]) await stores.executions.addCancellation(each);
      expect(await stores.executions.cancellationsOf(run)).toEqual([later, ofText]);
    });

    test('useRequestState returns the first use of a state in its grant, also to itself', async () => {
      const [grant, nonce] = [fresh('grant'), fresh('nonce')];
      const first = { nonce, inputs: 'digest', usedAt: now, expiresAt: now + 60 };
      const second = { ...first, inputs: 'another', usedAt: now + 1 };
      expect(await stores.requestStates.useRequestState(grant, first)).toEqual(first);
      expect(await stores.requestStates.useRequestState(grant, first)).toEqual(first);
      expect(await stores.requestStates.useRequestState(grant, second)).toEqual(first);
      expect(await stores.requestStates.useRequestState(fresh('grant'), second)).toEqual(second);
      const other = { ...second, nonce: fresh('nonce') };
      expect(await stores.requestStates.useRequestState(grant, other)).toEqual(other);
    });

    test('executionsOf returns all executions of the grant and none of another', async () => {
      const grant = fresh('grant');
      const runs = Array.from({ length: 5 }, () => aRun(grant));
      for (const run of [...runs, aRun()]) await stores.executions.createExecution(run, '');
      const found = await stores.executions.executionsOf(grant);
      expect(found.map(({ id }) => id).toSorted()).toEqual(runs.map(({ id }) => id).toSorted());
      expect(await stores.executions.executionsOf(fresh('grant'))).toEqual([]);
    });

    test('executionsOf reads every page of the store', async () => {
      const grant = fresh('grant');
      const runs = Array.from({ length: 8 }, () => ({ ...aRun(grant), message: 'x'.repeat(200_000) }));
      for (const run of runs) await stores.executions.createExecution(run, '');
      expect(await stores.executions.executionsOf(grant)).toHaveLength(8);
    });

    test.each([0, 1, 4])('loadRequest returns a request and answers of %i MB unchanged', async (megabytes) => {
      const [run, other] = [aRun(), aRun()];
      const text = textOf(megabytes);
      await stores.executions.createExecution(run, text);
      await stores.executions.createExecution(other, 'another request');
      expect(await stores.executions.loadRequest(run)).toEqual({ request: text, answers: new Map() });
      await stores.executions.addAnswer(run, 'first', `1${text}`);
      await stores.executions.addAnswer(run, 'second', '{}');
      await stores.executions.addAnswer(other, 'first', 'of another run');
      const { request, answers } = await stores.executions.loadRequest(run);
      expect(request === text).toBe(true);
      expect([...answers.keys()].toSorted()).toEqual(['first', 'second']);
      expect(answers.get('first') === `1${text}`).toBe(true);
      expect(answers.get('second')).toBe('{}');
    });

    test('eventsAfter returns events in order after any number, however they were added', async () => {
      const run = aRun();
      await stores.executions.createExecution(run, '');
      expect(await stores.executions.eventsAfter(run, 0)).toEqual([]);
      for (const [from, to] of [
        [1, 1],
        [2, 9],
        [10, 99],
        [100, 101],
      ] as const) {
        await stores.executions.addEvents(run, events(from, to));
      }
      for (const after of [0, 1, 2, 8, 9, 10, 50, 99, 100]) {
        expect(await stores.executions.eventsAfter(run, after)).toEqual(events(after + 1, 101));
      }
      expect(await stores.executions.eventsAfter(run, 101)).toEqual([]);
      expect(await stores.executions.eventsAfter(aRun(run.grant), 0)).toEqual([]);
    });

    test('eventsAfter returns events once that were added twice', async () => {
      const run = aRun();
      await stores.executions.createExecution(run, '');
      await stores.executions.addEvents(run, events(1, 2));
      await stores.executions.addEvents(run, events(1, 2));
      await stores.executions.addEvents(run, events(5, 6));
      await stores.executions.addEvents(run, events(2, 7));
      expect(await stores.executions.eventsAfter(run, 0)).toEqual(events(1, 7));
      expect(await stores.executions.eventsAfter(run, 1)).toEqual(events(2, 7));
    });

    test('addEvents and addAnswer store nothing beside an execution that is cancelled or unknown', async () => {
      const [run, unknown] = [aRun(), aRun()];
      await stores.executions.createExecution(run, 'request');
      await stores.executions.saveExecution(cancelled(run, now));
      for (const each of [run, unknown]) {
        await stores.executions.addEvents(each, events(1, 2));
        await stores.executions.addAnswer(each, 'first', '{}');
        expect(await stores.executions.eventsAfter(each, 0)).toEqual([]);
      }
      expect(await stores.executions.loadRequest(run)).toEqual({ request: 'request', answers: new Map() });
    });

    test.each([1, 5_000_000])('addEvents replaces an event that was longer by %i', async (length) => {
      const run = aRun();
      await stores.executions.createExecution(run, '');
      await stores.executions.addEvents(run, [{ number: 1, message: { text: 'x'.repeat(length) } }]);
      await stores.executions.addEvents(run, [{ number: 1, message: {} }]);
      expect(await stores.executions.eventsAfter(run, 0)).toEqual([{ number: 1, message: {} }]);
    });

    test.each([1, 4])('eventsAfter returns events of %i MB unchanged between small ones', async (megabytes) => {
      const run = aRun();
      await stores.executions.createExecution(run, '');
      const large = { number: 2, message: { text: textOf(megabytes) } };
      const all = [...events(1, 1), large, ...events(3, 3)];
      await stores.executions.addEvents(run, all.slice(0, 2));
      await stores.executions.addEvents(run, all.slice(2));
      const found = await stores.executions.eventsAfter(run, 0);
      expect(found.map(({ number }) => number)).toEqual([1, 2, 3]);
      expect((found[1]!.message as { text: string }).text === large.message.text).toBe(true);
      expect(await stores.executions.eventsAfter(run, 2)).toEqual(events(3, 3));
    });

    test('eventsAfter reads no answers, and loadRequest no events', async () => {
      const run = aRun();
      await stores.executions.createExecution(run, 'request');
      await stores.executions.addEvents(run, events(1, 1));
      await stores.executions.addAnswer(run, 'name', 'answer');
      expect(await stores.executions.eventsAfter(run, 0)).toEqual(events(1, 1));
      expect(await stores.executions.loadRequest(run)).toEqual({
        request: 'request',
        answers: new Map([['name', 'answer']]),
      });
    });
  });

  describe('clients', () => {
    const client = { name: 'Test', redirectUris: ['http://127.0.0.1/cb'], createdAt: now, expiresAt: now + 100 };

    test('register returns an existing registration with the later expiry', async () => {
      const id = fresh('client');
      await stores.clients.register({ id, ...client });
      expect(await stores.clients.extend(id, now, now + 5000)).toBe(true);
      const again = await stores.clients.register({ id, ...client, createdAt: now + 50, expiresAt: now + 150 });
      expect(again.createdAt).toBe(now);
      expect(await stores.clients.find(id, now + 4999)).toMatchObject({ id, createdAt: now, expiresAt: now + 5000 });
    });

    test('find returns no expired client until it registers again', async () => {
      const id = fresh('client');
      await stores.clients.register({ id, ...client });
      expect(await stores.clients.find(id, now + 100)).toBeUndefined();
      await stores.clients.register({ id, ...client, expiresAt: now + 200 });
      expect(await stores.clients.find(id, now + 100)).toMatchObject({ id });
    });

    test('extend returns false for an unknown or expired client', async () => {
      const id = fresh('client');
      expect(await stores.clients.extend(id, now, now + 100)).toBe(false);
      expect(await stores.clients.find(id, now)).toBeUndefined();
      await stores.clients.register({ id, ...client });
      expect(await stores.clients.extend(id, now + 100, now + 200)).toBe(false);
      expect(await stores.clients.find(id, now + 100)).toBeUndefined();
    });
  });

  describe('client documents', () => {
    const document = { text: '{}', etag: '"1"', fetchedAt: now, freshUntil: now + 60 };
    const url = 'https://client.example/client.json';

    test('leaseDocument gives the lease to one process until it expires', async () => {
      const hash = fresh('url');
      expect(await stores.documents.findDocument(hash)).toBeUndefined();
      const leases = ['a', 'b', 'c'].map((owner) => stores.documents.leaseDocument(hash, owner, now, now + 8));
      expect((await Promise.all(leases)).filter(Boolean)).toHaveLength(1);
      expect(await stores.documents.findDocument(hash)).toEqual({ leaseUntil: now + 8 });
      expect(await stores.documents.leaseDocument(hash, 'd', now + 7, now + 15)).toBe(false);
      expect(await stores.documents.leaseDocument(hash, 'd', now + 8, now + 16)).toBe(true);
    });

    test('saveDocument stores the document of the lease owner alone and releases the lease', async () => {
      const hash = fresh('url');
      await stores.documents.leaseDocument(hash, 'a', now, now + 8);
      expect(await stores.documents.saveDocument(hash, url, 'b', { failure: { until: now } })).toBe(false);
      expect(await stores.documents.saveDocument(hash, url, 'a', { document })).toBe(true);
      expect(await stores.documents.findDocument(hash)).toEqual({ document });
      expect(await stores.documents.saveDocument(hash, url, 'a', { failure: { until: now } })).toBe(false);
      expect(await stores.documents.leaseDocument(hash, 'c', now, now + 8)).toBe(true);
    });

    test('saveDocument stores a failure with or without the former document', async () => {
      const hash = fresh('url');
      const failure = { until: now + 30, reason: 'it is not JSON' };
      for (const cached of [{ document }, { document, failure: { until: now + 30 } }, { failure }]) {
        await stores.documents.leaseDocument(hash, 'a', now, now + 8);
        await stores.documents.saveDocument(hash, url, 'a', cached);
        expect(await stores.documents.findDocument(hash)).toEqual(cached);
      }
    });
  });

  describe('rate limits', () => {
    test('advance succeeds for one of many concurrent requests', async () => {
      const name = fresh('host');
      expect(await stores.rateLimits.due(name)).toBeUndefined();
      const advance = (from?: number) =>
        [1, 2, 3].map(() => stores.rateLimits.advance(name, from, (from ?? now) + 0.25));
      expect((await Promise.all(advance())).filter(Boolean)).toHaveLength(1);
      expect(await stores.rateLimits.due(name)).toBe(now + 0.25);
      expect((await Promise.all(advance(now + 0.25))).filter(Boolean)).toHaveLength(1);
      expect(await stores.rateLimits.due(name)).toBe(now + 0.5);
    });
  });

  describe('assertions', () => {
    test('spendAssertion accepts an assertion once until its expiry', async () => {
      const hash = fresh('assertion');
      const spends = [1, 2, 3].map(() => stores.assertions.spendAssertion(hash, now, now + 60));
      expect((await Promise.all(spends)).filter(Boolean)).toHaveLength(1);
      expect(await stores.assertions.spendAssertion(hash, now + 59, now + 60)).toBe(false);
      expect(await stores.assertions.spendAssertion(hash, now + 60, now + 120)).toBe(true);
    });
  });

  describe('sign-ins', () => {
    const request = {
      client: 'dcr_1',
      clientName: 'Test',
      clientIdentity: { kind: 'self-registered' as const },
      redirectUri: 'http://127.0.0.1/cb',
      state: 's',
      scopes: ['mcp'],
      challenge: 'c',
      browser: 'this-browser',
      expiresAt: now + 600,
    };

    test('answerAuthorizationRequest records one answer before the expiry', async () => {
      const handle = fresh('handle');
      await stores.flows.putAuthorizationRequest(handle, request);
      expect(await stores.flows.findAuthorizationRequest(handle)).toEqual(request);
      const late = { answer: 'deny' as const, at: now + 600 };
      expect(await stores.flows.answerAuthorizationRequest(handle, late)).toBe(false);
      const answers = ['approve' as const, 'deny' as const].map((answer) =>
        stores.flows.answerAuthorizationRequest(handle, { answer, at: now }),
      );
      const recorded = await Promise.all(answers);
      expect(recorded.filter(Boolean)).toHaveLength(1);
      expect(await stores.flows.findAuthorizationRequest(handle)).toEqual({
        ...request,
        answer: recorded[0] ? 'approve' : 'deny',
        answeredAt: now,
      });
      expect(await stores.flows.answerAuthorizationRequest(fresh('handle'), { answer: 'deny', at: now })).toBe(false);
    });

    test('answerAuthorizationRequest stores the upstream state with the first answer alone', async () => {
      const [handle, state, second] = [fresh('handle'), fresh('state'), fresh('state')];
      await stores.flows.putAuthorizationRequest(handle, request);
      const approval = { answer: 'approve' as const, at: now };
      const following = (stateHash: string) => ({ stateHash, state: request });
      expect(await stores.flows.answerAuthorizationRequest(handle, approval, following(state))).toBe(true);
      expect(await stores.flows.answerAuthorizationRequest(handle, approval, following(second))).toBe(false);
      expect(await stores.flows.findUpstreamState(state)).toEqual(request);
      expect(await stores.flows.findUpstreamState(second)).toBeUndefined();
    });

    test('beginRedemption succeeds for one of many concurrent requests with a code of the provider', async () => {
      const state = fresh('state');
      await stores.flows.putUpstreamState(state, request);
      const begin = (code: string, at = now) => stores.flows.beginRedemption(state, code, at);
      const begun = await Promise.all(Array.from({ length: 10 }, () => begin('code-1')));
      expect(begun.filter(Boolean)).toHaveLength(1);
      expect(await begin('code-2')).toBe(true);
      expect(await begin('code-1')).toBe(false);
      expect(await begin('code-3', now + 600)).toBe(false);
      expect(await stores.flows.beginRedemption(fresh('state'), 'code-1', now)).toBe(false);
      expect(await stores.flows.findUpstreamState(state)).toEqual(request);
    });

    test('createGrant completes its sign-in once', async () => {
      const state = fresh('state');
      await stores.flows.putUpstreamState(state, request);
      const [first, second, late] = [created(aGrant()), created(aGrant()), created(aGrant())];
      expect(await stores.grants.createGrant(first, state)).toBe(true);
      expect(await stores.grants.createGrant(second, state)).toBe(false);
      expect(await stores.grants.createGrant(late, fresh('state'))).toBe(false);
      expect((await stores.flows.findUpstreamState(state))?.completedAt).toBe(first.grant.createdAt);
      expect(await stores.grants.findGrant(second.grant.id)).toEqual({});
      expect(await stores.grants.findCode(second.codeHash)).toBeUndefined();
    });

    test('startDashboardSession completes its sign-in once', async () => {
      const state = fresh('state');
      await stores.flows.putUpstreamState(state, { ...request, dashboard: '/dashboard' });
      const session = { user: fresh('user'), groups: [], expiresAt: now + 600 };
      const start = (cookie: string) => stores.dashboardSessions.startDashboardSession(cookie, session, now, state);
      const [first, second] = [fresh('cookie'), fresh('cookie')];
      expect([await start(first), await start(second)]).toEqual([true, false]);
      expect(await stores.dashboardSessions.findDashboardSession(first)).toMatchObject({ user: session.user });
      expect(await stores.dashboardSessions.findDashboardSession(second)).toBeUndefined();
    });

    test('deleteUpstreamState deletes a state', async () => {
      const state = fresh('state');
      await stores.flows.putUpstreamState(state, request);
      await stores.flows.deleteUpstreamState(state);
      expect(await stores.flows.findUpstreamState(state)).toBeUndefined();
    });
  });

  describe('grants', () => {
    test('createGrant stores grant, tokens and code together', async () => {
      const all = created(aGrant());
      await stores.grants.createGrant(all);
      expect(await stores.grants.findGrant(all.grant.id)).toEqual({ grant: all.grant, tokens: all.tokens });
      expect(await stores.grants.findCode(all.codeHash)).toEqual(all.code);
    });

    test('createPersonalGrant stores a grant without tokens while the dashboard session lasts', async () => {
      const [kept, late, unknown, byOperator] = [aGrant(), aGrant(), aGrant(), aGrant()];
      const cookie = fresh('cookie');
      const session = { user: kept.user, groups: [], expiresAt: kept.createdAt + 60 };
      await stores.dashboardSessions.startDashboardSession(cookie, session, now);
      const expired = { ...late, createdAt: session.expiresAt };
      expect(await stores.grants.createPersonalGrant(kept, cookie)).toBe(true);
      expect(await stores.grants.createPersonalGrant(expired, cookie)).toBe(false);
      expect(await stores.grants.createPersonalGrant(unknown, fresh('cookie'))).toBe(false);
      expect(await stores.grants.createPersonalGrant(byOperator)).toBe(true);
      expect(await stores.grants.findGrant(kept.id)).toEqual({ grant: kept });
      expect(await stores.grants.findGrant(late.id)).toEqual({});
      expect(await stores.grants.findGrant(unknown.id)).toEqual({});
      expect(await stores.grants.findGrant(byOperator.id)).toEqual({ grant: byOperator });
    });

    test('an exchanged token is stored by the process that has the lease of its slot', async () => {
      const store = stores.exchangedTokens;
      const grant = fresh('grant');
      const token = { digest: 'digest', sealed: 'sealed', expiresAt: now + 300, exchangedAt: now };
      const owners = Array.from({ length: 10 }, (_, index) => `owner-${index}`);
      const leased = await Promise.all(owners.map((owner) => store.leaseToken(grant, 'a', owner, now, now + 12)));
      expect(leased.filter(Boolean)).toHaveLength(1);
      const owner = owners[leased.indexOf(true)]!;
      expect(await store.loadToken(grant, 'a')).toBeUndefined();
      expect(await store.leaseToken(grant, 'b', 'other', now, now + 12)).toBe(true);
      expect(await store.saveToken(grant, 'a', 'other', token)).toBe(false);
      expect(await store.saveToken(grant, 'a', owner, token)).toBe(true);
      expect(await store.loadToken(grant, 'a')).toMatchObject(token);
      expect(await store.loadToken(fresh('grant'), 'a')).toBeUndefined();
      expect(await store.leaseToken(grant, 'a', 'next', now, now + 12)).toBe(true);
      await store.releaseToken(grant, 'a', 'other');
      expect(await store.leaseToken(grant, 'a', 'late', now + 1, now + 13)).toBe(false);
      await store.releaseToken(grant, 'a', 'next');
      expect(await store.leaseToken(grant, 'a', 'late', now + 1, now + 13)).toBe(true);
      expect(await store.leaseToken(grant, 'a', 'after', now + 14, now + 26)).toBe(true);
    });

    test('redeemCode succeeds for one of many concurrent requests, and not after the expiry', async () => {
      const [used, late] = [created(aGrant()), created(aGrant())];
      await stores.grants.createGrant(used);
      await stores.grants.createGrant(late);
      const redeems = Array.from({ length: 20 }, () => stores.grants.redeemCode(used.codeHash, used.grant.id, now));
      expect((await Promise.all(redeems)).filter((outcome) => outcome === 'written')).toHaveLength(1);
      expect((await stores.grants.findCode(used.codeHash))?.usedAt).toBe(now);
      expect(await stores.grants.redeemCode(late.codeHash, late.grant.id, now + 60)).toBe('conflict');
    });

    test('redeemCode redeems no code of a revoked grant', async () => {
      const all = created(aGrant());
      await stores.grants.createGrant(all);
      await stores.grants.revokeGrant(all.grant.id, now);
      expect(await stores.grants.redeemCode(all.codeHash, all.grant.id, now)).toBe('conflict');
      expect((await stores.grants.findCode(all.codeHash))?.usedAt).toBeUndefined();
    });

    test('redeemCode, rotate and revokeGrant mark the assertion as used with their own effect, or neither', async () => {
      const all = created(aGrant());
      await stores.grants.createGrant(all);
      const [first, second] = ['a', 'b'].map((name) => ({ hash: fresh(name), now, expiresAt: now + 60 }));
      const { id } = all.grant;
      const refresh = { head: 2, predecessor: 1, superseded: { 1: now } };
      const next = { refresh, idleExpiresAt: now + 4000, groups: all.grant.groups };
      expect(await stores.grants.redeemCode(all.codeHash, id, now, first)).toBe('written');
      expect(await stores.grants.rotate(id, 1, next, first)).toBe('assertion-replayed');
      expect(await stores.grants.revokeGrant(id, now, first)).toBe('assertion-replayed');
      expect((await stores.grants.findGrant(id)).grant).toEqual(all.grant);
      expect(await stores.grants.redeemCode(all.codeHash, id, now, second)).toBe('conflict');
      expect(await stores.grants.rotate(id, 7, next, second)).toBe('conflict');
      expect(await stores.grants.rotate(id, 1, next, second)).toBe('written');
      expect(await stores.assertions.spendAssertion(second!.hash, now, now + 60)).toBe(false);
      expect(await stores.grants.revokeGrant(id, now, { hash: fresh('c'), now, expiresAt: now + 60 })).toBe('written');
      expect((await stores.grants.findGrant(id)).grant?.status).toBe('revoked');
    });

    test('keepStandingGrant stores a grant and its next state with the assertion, and no state of a revoked one', async () => {
      const grant = aGrant({ kind: 'service', origin: 'workload', user: fresh('user') });
      const [first, second] = ['a', 'b'].map((name) => ({ hash: fresh(name), now, expiresAt: now + 60 }));
      expect(await stores.grants.keepStandingGrant(grant, now, [first!])).toBe('written');
      const next = { ...grant, scopes: ['mcp', 'notes'] };
      expect(await stores.grants.keepStandingGrant(next, now + 5, [second!, first!])).toBe('assertion-replayed');
      expect((await stores.grants.findGrant(grant.id)).grant).toEqual(grant);
      expect(await stores.grants.keepStandingGrant(next, now + 5)).toBe('written');
      expect((await stores.grants.findGrant(grant.id)).grant).toEqual(next);
      const users = await stores.directory.users([grant.user]);
      expect(users).toMatchObject([{ firstSignInAt: now, lastSignInAt: now + 5 }]);
      expect(await stores.revocation.revokeGrant(grant.id, now + 6)).toBe(true);
      expect(await stores.grants.keepStandingGrant(next, now + 7, [second!])).toBe('conflict');
      expect(await stores.assertions.spendAssertion(second!.hash, now, now + 60)).toBe(true);
      expect((await stores.grants.findGrant(grant.id)).grant?.status).toBe('revoked');
    });

    test('rotate succeeds once for a head', async () => {
      const all = created(aGrant());
      await stores.grants.createGrant(all);
      const refresh = { head: 2, predecessor: 1, superseded: { 1: now } };
      const next = { refresh, idleExpiresAt: now + 4000, groups: ['staff'] };
      const moves = Array.from({ length: 25 }, () => stores.grants.rotate(all.grant.id, 1, next));
      expect((await Promise.all(moves)).filter((outcome) => outcome === 'written')).toHaveLength(1);
      expect((await stores.grants.findGrant(all.grant.id)).grant).toMatchObject(next);
    });

    test('revokeGrant keeps the grant, deletes its tokens and ends its rotation', async () => {
      const all = created(aGrant());
      await stores.grants.createGrant(all);
      await stores.grants.revokeGrant(all.grant.id, now);
      await stores.grants.revokeGrant(all.grant.id, now);
      const found = await stores.grants.findGrant(all.grant.id);
      expect(found.grant?.status).toBe('revoked');
      expect(found.tokens).toBeUndefined();
      const next = { refresh: { ...all.grant.refresh, head: 2 }, idleExpiresAt: now, groups: [] };
      expect(await stores.grants.rotate(all.grant.id, 1, next)).toBe('conflict');
    });

    test('revokeGrant creates no item for an unknown grant', async () => {
      await stores.grants.revokeGrant('unknown', now);
      expect(await stores.grants.findGrant('unknown')).toEqual({});
    });
  });

  describe('upstream tokens', () => {
    test('leaseTokens gives the lease to one of many; only its owner can save, which releases it', async () => {
      const { grant, ...rest } = created(aGrant());
      await stores.grants.createGrant({ grant, ...rest });
      const owners = Array.from({ length: 10 }, (_, index) => `owner-${index}`);
      const leases = await Promise.all(
        owners.map((owner) => stores.upstreamTokens.leaseTokens(grant.id, 1, owner, now, now + 8)),
      );
      expect(leases.filter(Boolean)).toHaveLength(1);
      const owner = owners[leases.indexOf(true)]!;
      const next = { sealed: 'sealed-2', version: 2, expiresAt: now + 3600, refreshedAt: now };
      expect(await stores.upstreamTokens.saveTokens(grant.id, 'somebody', next)).toBe(false);
      expect(await stores.upstreamTokens.saveTokens(grant.id, owner, next)).toBe(true);
      expect(await stores.upstreamTokens.loadTokens(grant.id)).toMatchObject(next);
      expect(await stores.upstreamTokens.leaseTokens(grant.id, 1, 'late', now, now + 8)).toBe(false);
      expect(await stores.upstreamTokens.leaseTokens(grant.id, 2, 'next', now, now + 8)).toBe(true);
    });

    test('saveTokens replaces the groups, and deletes them when the tokens state none', async () => {
      const { grant, ...rest } = created(aGrant());
      await stores.grants.createGrant({ grant, ...rest });
      for (const [version, groups] of [
        [1, ['staff', 'guests']],
        [2, []],
        [3, undefined],
      ] as const) {
        await stores.upstreamTokens.leaseTokens(grant.id, version, 'owner', now, now + 8);
        const next = {
          sealed: '',
          version: version + 1,
          expiresAt: now,
          refreshedAt: now,
          groups: groups && [...groups],
        };
        expect(await stores.upstreamTokens.saveTokens(grant.id, 'owner', next)).toBe(true);
        expect((await stores.upstreamTokens.loadTokens(grant.id))?.groups).toEqual(groups);
      }
    });

    test('leaseTokens succeeds again when the lease has expired or was released', async () => {
      const { grant, ...rest } = created(aGrant());
      await stores.grants.createGrant({ grant, ...rest });
      expect(await stores.upstreamTokens.leaseTokens(grant.id, 1, 'dead', now, now + 8)).toBe(true);
      expect(await stores.upstreamTokens.leaseTokens(grant.id, 1, 'second', now + 7, now + 15)).toBe(false);
      expect(await stores.upstreamTokens.leaseTokens(grant.id, 1, 'second', now + 8, now + 16)).toBe(true);
      await stores.upstreamTokens.releaseTokens(grant.id, 'dead');
      expect(await stores.upstreamTokens.leaseTokens(grant.id, 1, 'third', now + 9, now + 17)).toBe(false);
      await stores.upstreamTokens.releaseTokens(grant.id, 'second');
      expect(await stores.upstreamTokens.leaseTokens(grant.id, 1, 'third', now + 9, now + 17)).toBe(true);
    });

    test('leaseTokens creates no item for an unknown grant', async () => {
      expect(await stores.upstreamTokens.leaseTokens('unknown', 1, 'owner', now, now + 8)).toBe(false);
      expect(await stores.upstreamTokens.loadTokens('unknown')).toBeUndefined();
    });
  });

  describe('upstream tokens of ended grants', () => {
    /** A grant that ended before those of the other tests, whose tokens are therefore the first that are due. */
    async function ended(at: number) {
      const all = created(aGrant());
      await stores.grants.createGrant(all);
      await stores.revocation.revokeGrant(all.grant.id, at);
      return all;
    }
    const dueOf = async (grant: string, at: number) =>
      (await stores.endedTokens.dueTokens(at)).find((each) => each.grant === grant);
    const clean = async (grant: string) => expect(await stores.endedTokens.deleteTokens(grant, 1, now)).toBe(true);

    test('dueTokens returns the tokens of a revoked grant, and those are not loaded, leased or found otherwise', async () => {
      const at = now - 90_000;
      const { grant, tokens } = await ended(at);
      expect(await dueOf(grant.id, at - 1)).toBeUndefined();
      expect(await dueOf(grant.id, at)).toEqual({ grant: grant.id, tokens, endedAt: at, attempts: 0, dueAt: at });
      expect(await stores.upstreamTokens.loadTokens(grant.id)).toBeUndefined();
      expect(await stores.upstreamTokens.leaseTokens(grant.id, 1, 'owner', now, now + 8)).toBe(false);
      expect((await stores.grants.findGrant(grant.id)).tokens).toBeUndefined();
      await clean(grant.id);
    });

    test('revokeGrant of the authorization server makes the tokens due as well', async () => {
      const at = now - 90_000;
      const { grant, tokens, ...rest } = created(aGrant());
      await stores.grants.createGrant({ grant, tokens, ...rest });
      await stores.grants.revokeGrant(grant.id, at);
      expect(await dueOf(grant.id, at)).toMatchObject({ tokens, endedAt: at });
      await clean(grant.id);
    });

    test('takeTokens succeeds for one of many, and makes the tokens due later', async () => {
      const at = now - 90_000;
      const { grant } = await ended(at);
      const due = (await dueOf(grant.id, at))!;
      const taken = await Promise.all([1, 2, 3, 4].map((pause) => stores.endedTokens.takeTokens(due, at + 60 + pause)));
      expect(taken.filter(Boolean)).toHaveLength(1);
      const next = at + 61 + taken.indexOf(true);
      expect(await dueOf(grant.id, next - 1)).toBeUndefined();
      expect(await dueOf(grant.id, next)).toMatchObject({ attempts: 1, dueAt: next, endedAt: at });
      await clean(grant.id);
    });

    test('deleteTokens deletes them once, and reports no failure when it is repeated', async () => {
      const at = now - 90_000;
      const { grant } = await ended(at);
      await clean(grant.id);
      await clean(grant.id);
      expect(await dueOf(grant.id, at)).toBeUndefined();
    });

    test('deleteTokens keeps tokens that a concurrent refresh may store, and those that it has stored', async () => {
      const at = now - 90_000;
      const { grant, ...rest } = created(aGrant());
      await stores.grants.createGrant({ grant, ...rest });
      await stores.upstreamTokens.leaseTokens(grant.id, 1, 'owner', at - 2, at + 8);
      await stores.revocation.revokeGrant(grant.id, at);
      expect(await stores.endedTokens.deleteTokens(grant.id, 1, at + 7)).toBe(false);
      const newer = { sealed: 'sealed-2', version: 2, expiresAt: now + 3600, refreshedAt: at };
      expect(await stores.upstreamTokens.saveTokens(grant.id, 'owner', newer)).toBe(true);
      expect(await stores.upstreamTokens.loadTokens(grant.id)).toBeUndefined();
      expect(await stores.endedTokens.deleteTokens(grant.id, 1, at + 9)).toBe(false);
      expect((await dueOf(grant.id, at))?.tokens).toEqual(newer);
      expect(await stores.endedTokens.deleteTokens(grant.id, 2, at + 9)).toBe(true);
    });
  });

  test('createKey returns the same sealed key to all concurrent requests', async () => {
    const name = fresh('key');
    const made = await Promise.all(['a', 'b', 'c'].map((sealed) => stores.sealedKeys.createKey(name, sealed)));
    expect(new Set(made).size).toBe(1);
    expect(await stores.sealedKeys.loadKey(name)).toBe(made[0]);
    expect(await stores.sealedKeys.loadKey(fresh('key'))).toBeUndefined();
  });

  describe('state', () => {
    const entry = { key: 'note', value: { text: 'hello', tags: ['a'] }, version: 1, expiresAt: now + 100 };

    test('get returns a value to its user alone until it expires or is deleted', async () => {
      const [ada, alan] = [fresh('user'), fresh('user')];
      expect(await stores.state.put(ada, entry, 0, now)).toBe(true);
      expect(await stores.state.get(ada, 'note', now)).toEqual(entry);
      expect(await stores.state.get(alan, 'note', now)).toBeUndefined();
      expect(await stores.state.get(ada, 'note', now + 100)).toBeUndefined();
      await stores.state.delete(ada, 'note');
      expect(await stores.state.get(ada, 'note', now)).toBeUndefined();
    });

    test('put rejects a write with another expected version', async () => {
      const user = fresh('user');
      expect(await stores.state.put(user, { ...entry, version: 2 }, 1, now)).toBe(false);
      expect(await stores.state.put(user, entry, 0, now)).toBe(true);
      expect(await stores.state.put(user, entry, 0, now)).toBe(false);
      expect(await stores.state.put(user, { ...entry, version: 2 }, 1, now)).toBe(true);
      expect(await stores.state.put(user, { ...entry, version: 2 }, 1, now)).toBe(false);
      expect(await stores.state.put(user, entry, 2, entry.expiresAt)).toBe(false);
      expect(await stores.state.put(user, entry, 0, entry.expiresAt)).toBe(true);
    });

    test('overwrite stores each of many concurrent values under another version', async () => {
      const user = fresh('user');
      expect(await stores.state.put(user, { ...entry, version: 1 }, 0, now)).toBe(true);
      const { version, ...value } = entry;
      const versions = await Promise.all(Array.from({ length: 20 }, () => stores.state.overwrite(user, value)));
      expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 2));
      expect(await stores.state.get(user, 'note', now)).toEqual({ ...entry, version: 21 });
      expect(await stores.state.overwrite(fresh('user'), value)).toBe(1);
    });

    test('list returns unexpired entries by prefix, page by page', async () => {
      const [user, other] = [fresh('user'), fresh('user')];
      const keys = ['a/1', 'a/2', 'a/3', 'a/4', 'b/1'];
      for (const key of keys) await stores.state.put(user, { ...entry, key }, 0, now);
      await stores.state.put(user, { ...entry, key: 'a/25', expiresAt: now + 1 }, 0, now);
      await stores.state.put(other, { ...entry, key: 'a/9' }, 0, now);
      const list = async (prefix: string, limit: number, after?: string) => {
        const { entries, next } = await stores.state.list(user, prefix, limit, after, now + 1);
        return [entries.map(({ key }) => key), next];
      };
      expect(await list('a/', 10)).toEqual([['a/1', 'a/2', 'a/3', 'a/4'], undefined]);
      expect(await list('', 10)).toEqual([keys, undefined]);
      expect(await list('a/', 3)).toEqual([['a/1', 'a/2', 'a/3'], 'a/3']);
      expect(await list('a/', 3, 'a/3')).toEqual([['a/4'], undefined]);
      expect(await list('a/', 4)).toEqual([['a/1', 'a/2', 'a/3', 'a/4'], undefined]);
      expect(await list('c', 10)).toEqual([[], undefined]);
    });
  });

  describe('changes', () => {
    test('are returned to their user from a time on, with the listener of the session', async () => {
      const [ada, alan] = [fresh('user'), fresh('user')];
      const change = { kind: 'tools_list_changed' as const };
      await stores.changes.publishChange(ada, { id: 'one', at: now, change }, now + 100);
      await stores.changes.publishChange(ada, { id: 'two', at: now + 5, change }, now + 100);
      await stores.changes.listen(ada, 'session', 'first', now + 100);
      await stores.changes.listen(ada, 'session', 'second', now + 100);
      const since = async (user: string, session: string, at: number) => {
        const { changes, listener } = await stores.changes.changesSince(user, session, at);
        return [changes.map(({ id }) => id), listener];
      };
      expect(await since(ada, 'session', now)).toEqual([['one', 'two'], 'second']);
      expect(await since(ada, 'session', now + 1)).toEqual([['two'], 'second']);
      expect(await since(ada, 'another', now + 6)).toEqual([[], undefined]);
      expect(await since(alan, 'session', now)).toEqual([[], undefined]);
    });
  });

  describe('calls', () => {
    const aCall = (session: string, change: Partial<ToolCall> = {}): ToolCall =>
      toolCall({
        id: fresh('call'),
        at: now * 1000,
        user: 'user-of-ada',
        grant: 'grant-of-ada',
        session,
        milliseconds: 12,
        ...change,
      });
    const page = { limit: 10, now };

    test('are returned by session, unchanged, in the order of their start', async () => {
      const [session, other] = [fresh('session'), fresh('session')];
      const late = aCall(session, { at: now * 1000 + 5, clientName: 'test', clientVersion: '1', traceId: 'ab' });
      const early = aCall(session, { outcome: 'protocol-error', errorCode: -32602, message: 'Invalid params' });
      const first = aCall(session, { at: 999, arguments: '{}', protocolVersion: '2025-11-25' });
      for (const call of [late, early, first, aCall(other)]) await stores.calls.recordCall(call, now + 1);
      expect(await stores.calls.callsOf(session, page)).toEqual({ calls: [first, early, late] });
      expect(await stores.calls.callsOf(fresh('session'), page)).toEqual({ calls: [] });
    });

    test('are stored once when the same call is recorded repeatedly', async () => {
      const session = fresh('session');
      const call = aCall(session);
      await stores.calls.recordCall(call, now + 1);
      await stores.calls.recordCall({ ...call, outcome: 'tool-error' }, now + 1);
      expect(await stores.calls.callsOf(session, page)).toEqual({ calls: [{ ...call, outcome: 'tool-error' }] });
    });

    test('are left as they are when the same call is recorded unless it is logged', async () => {
      const session = fresh('session');
      const call = aCall(session);
      for (const outcome of ['cancelled', 'success'] as const) {
        await stores.calls.recordCall({ ...call, outcome }, now + 1, { unlessLogged: true });
      }
      expect(await stores.calls.callsOf(session, page)).toEqual({ calls: [{ ...call, outcome: 'cancelled' }] });
    });

    test('are returned page by page without expired ones', async () => {
      const session = fresh('session');
      const recorded = [0, 1, 2, 3, 4].map((after) => aCall(session, { at: now * 1000 + after }));
      for (const [index, call] of recorded.entries()) await stores.calls.recordCall(call, now + (index === 1 ? 0 : 1));
      const first = await stores.calls.callsOf(session, { limit: 2, now });
      expect(first.calls).toEqual([recorded[0], recorded[2]]);
      expect(await stores.calls.callsOf(session, { limit: 2, now, after: first.next })).toEqual({
        calls: [recorded[3], recorded[4]],
      });
    });

    test('are returned latest first as well', async () => {
      const session = fresh('session');
      const recorded = [0, 1, 2, 3, 4].map((after) => aCall(session, { at: now * 1000 + after }));
      for (const [index, call] of recorded.entries()) await stores.calls.recordCall(call, now + (index === 3 ? 0 : 1));
      const latest = await stores.calls.latestOf(session, { limit: 2, now });
      expect(latest).toEqual([recorded[4], recorded[2]]);
      const before = callName(latest[1]!);
      expect(await stores.calls.latestOf(session, { limit: 9, before, now })).toEqual([recorded[1], recorded[0]]);
    });

    test('are returned by the bucket in which they ended, across sessions', async () => {
      const bucket = 6_000_000 + ++serial;
      const first = bucket * BUCKET_MILLISECONDS;
      const recorded = [
        aCall(fresh('session'), { at: first - 5, milliseconds: 5 }),
        ...Array.from({ length: 9 }, (_, index) =>
          aCall(fresh('session'), { id: `${String.fromCharCode(97 + index)}-${serial}`, at: first + index }),
        ),
        aCall(fresh('session'), { at: first + BUCKET_MILLISECONDS - 13 }),
      ];
      const others = [first - 13, first + BUCKET_MILLISECONDS - 12].map((at) => aCall(fresh('session'), { at }));
      for (const call of [...recorded, ...others]) await stores.calls.recordCall(call, now + 1);
      expect((await collected(stores.calls.callsEndedIn(bucket))).map(callName).sort()).toEqual(recorded.map(callName));
      const newestFirst = recorded.toReversed();
      expect(await collected(stores.calls.latestEndedIn(bucket, { now }))).toEqual(newestFirst);
      const before = callName(newestFirst[3]!);
      expect(await collected(stores.calls.latestEndedIn(bucket, { before, now }))).toEqual(newestFirst.slice(4));
      expect(await collected(stores.calls.latestEndedIn(bucket, { now: now + 1 }))).toEqual([]);
      const keys = [...newestFirst.slice(0, 2), { session: newestFirst[0]!.session, at: 1, id: 'unknown' }].map(
        (call) => ({
          session: call.session,
          call: callName(call),
        }),
      );
      const found = await stores.calls.callsOfKeys(keys, now);
      expect(found.toSorted((a, b) => b.at - a.at)).toEqual(newestFirst.slice(0, 2));
      expect(await stores.calls.callsOfKeys(keys, now + 1)).toEqual([]);
      expect(await stores.calls.callsOfKeys([], now)).toEqual([]);
    });

    test('are returned in the bucket of their end when other calls of the session began or ended in another', async () => {
      const bucket = 7_000_000 + ++serial;
      const first = bucket * BUCKET_MILLISECONDS;
      const session = fresh('session');
      const minutes = (count: number) => count * 60_000;
      const [longAgo, justBefore, inside, lastMoment, across] = [
        aCall(session, { at: first - minutes(50), milliseconds: minutes(51) }),
        aCall(session, { at: first - 1, milliseconds: 1 }),
        aCall(session, { at: first + 1, milliseconds: 5 }),
        aCall(session, { at: first + BUCKET_MILLISECONDS - 1, milliseconds: 0 }),
        aCall(session, { at: first + minutes(4), milliseconds: minutes(2) }),
      ];
      for (const call of [across, inside, longAgo, lastMoment, justBefore]) {
        await stores.calls.recordCall(call, now + 1);
      }
      const ended = async (each: number) => (await collected(stores.calls.callsEndedIn(each))).map(({ id }) => id);
      const here = [lastMoment, inside, justBefore, longAgo];
      expect((await ended(bucket)).sort()).toEqual(here.map(({ id }) => id).sort());
      expect(await ended(bucket + 1)).toEqual([across.id]);
      expect(await ended(bucket - 1)).toEqual([]);
      expect(await collected(stores.calls.latestEndedIn(bucket, { now }))).toEqual(here);
      for (const [index, call] of here.entries()) {
        const rest = await collected(stores.calls.latestEndedIn(bucket, { before: callName(call), now }));
        expect(rest).toEqual(here.slice(index + 1));
      }
    });

    test('are returned for any number of sessions and calls', async () => {
      const bucket = 8_000_000 + ++serial;
      const first = bucket * BUCKET_MILLISECONDS;
      const [busy, ...others] = Array.from({ length: 70 }, () => fresh('session'));
      const recorded = Array.from({ length: 190 }, (_, index) =>
        aCall(index % 2 === 0 ? busy! : others[index % others.length]!, { at: first + index * 1000 }),
      );
      await Promise.all(recorded.map((call) => stores.calls.recordCall(call, now + 1)));
      const names = recorded.map(callName);
      expect((await collected(stores.calls.callsEndedIn(bucket))).map(callName).sort()).toEqual(names);
      expect((await collected(stores.calls.latestEndedIn(bucket, { now }))).map(callName)).toEqual(names.toReversed());
    });
  });

  describe('aggregates', () => {
    const some = (calls: number): Aggregates => ({
      rows: [
        { client: 'Codex', tool: 'note', outcome: 'success', calls, durations: { 3: calls }, answers: [calls, 90, 40] },
      ],
      users: { '00ff00ff00ff': null },
      sessions: { '00ff00ff00fe': [1, 2] },
    });

    test.each(['minutes', 'hour', 'day'] as const)(
      'of each %s are returned by the start of the period',
      async (step) => {
        const length = steps[step];
        // The boundary of two partitions.
        const first = 2 * 1024 * steps.day - 2 * length;
        const periods = [0, 1, 2, 3].map((index) => ({ at: first + index * length, aggregates: some(index + 1) }));
        for (const period of periods) await stores.aggregates.save('calls', step, period, now);
        expect(await stores.aggregates.load('calls', step, first, first + 4 * length)).toEqual(periods);
        expect(await stores.aggregates.load('calls', step, first + 1, first + 3 * length)).toEqual(periods.slice(1, 3));
        await stores.aggregates.save('calls', step, { at: first, aggregates: some(9) }, now);
        expect(await stores.aggregates.load('calls', step, first, first + 1)).toEqual([
          { at: first, aggregates: some(9) },
        ]);
      },
    );

    test('of errors are kept apart from those of all calls', async () => {
      const at = steps.day;
      const group = { tool: 'note', outcome: 'tool-error' as const, fingerprint: 'f', errorPlace: 'src/notes.ts:7' };
      const last = { session: 's', call: '1#c' };
      const counts = {
        calls: 2,
        firstAt: at,
        lastAt: at + 1,
        users: { '00ff00ff00ff': null },
        clients: { Codex: 2 },
        last,
      };
      const aggregates = { groups: [{ ...group, ...counts }], calls: [[0, 's', '1#c'] as [number, string, string]] };
      await stores.aggregates.save('calls', 'minutes', { at, aggregates: some(2) }, now);
      await stores.aggregates.save('errors', 'minutes', { at, aggregates }, now);
      expect(await stores.aggregates.load('errors', 'minutes', at, at + 1)).toEqual([{ at, aggregates }]);
      expect(await stores.aggregates.load('calls', 'minutes', at, at + 1)).toEqual([{ at, aggregates: some(2) }]);
      expect(await stores.aggregates.load('errors', 'hour', at, at + 1)).toEqual([]);
    });

    test('of usage and of rare names are returned as they were saved', async () => {
      const at = 2 * steps.day;
      const last = { session: 's', call: '1#c' };
      const usage: UsageAggregates = {
        users: [{ hash: '00ff00ff00ff', calls: 3, errors: 1, last }],
        versions: [{ client: 'Codex', clientVersion: '1.2', protocolVersion: '2025-11-25', calls: 3 }],
        pairs: [{ before: 'note', after: 'search', calls: 2 }],
      };
      const rare: RareCalls = { calls: [{ client: 'Codex', clientInfo: 'own', tool: 'note', bucket: 7, ...last }] };
      await stores.aggregates.save('usage', 'hour', { at, aggregates: usage }, now);
      await stores.aggregates.save('rare', 'hour', { at, aggregates: rare }, now);
      expect(await stores.aggregates.load('usage', 'hour', at, at + 1)).toEqual([{ at, aggregates: usage }]);
      expect(await stores.aggregates.load('rare', 'hour', at, at + 1)).toEqual([{ at, aggregates: rare }]);
    });

    test('moveOn succeeds for one of many concurrent runs', async () => {
      const moves = (from: number | undefined, to: number) =>
        Promise.all(Array.from({ length: 10 }, () => stores.aggregates.moveOn(from, to)));
      expect(await stores.aggregates.countedUntil()).toBeUndefined();
      expect((await moves(undefined, 5)).filter(Boolean)).toHaveLength(1);
      expect((await moves(5, 6)).filter(Boolean)).toHaveLength(1);
      expect(await stores.aggregates.moveOn(5, 7)).toBe(false);
      expect(await stores.aggregates.countedUntil()).toBe(6);
    });
  });

  describe('dashboard sessions', () => {
    test('endDashboardSessionsOf ends those of a user but the kept one', async () => {
      const [user, other] = [fresh('user'), fresh('user')];
      const [kept, ended, foreign] = [fresh('cookie'), fresh('cookie'), fresh('cookie')];
      const session = { user, groups: [], expiresAt: now + 600 };
      for (const cookie of [kept, ended]) await stores.dashboardSessions.startDashboardSession(cookie, session, now);
      await stores.dashboardSessions.startDashboardSession(foreign, { ...session, user: other }, now);
      expect(await stores.revocation.endDashboardSessionsOf(user, kept)).toBe(1);
      const left = [kept, ended, foreign].map((cookie) => stores.dashboardSessions.findDashboardSession(cookie));
      expect((await Promise.all(left)).map((found) => found !== undefined)).toEqual([true, false, true]);
      expect(await stores.revocation.endDashboardSessionsOf(user)).toBe(1);
      expect(await stores.revocation.endDashboardSessionsOf(user)).toBe(0);
    });

    test('start with a stored sign-in, and end', async () => {
      const [cookie, user] = [fresh('cookie'), fresh('user')];
      const visit = { user, groups: ['admins'], sealedName: 'sealed', expiresAt: now + 5 };
      await stores.dashboardSessions.startDashboardSession(cookie, visit, now);
      await stores.dashboardSessions.startDashboardSession(
        fresh('cookie'),
        { ...visit, sealedName: undefined },
        now + 60,
      );
      expect(await stores.dashboardSessions.findDashboardSession(cookie)).toEqual(visit);
      expect(await stores.directory.users([user, fresh('user')])).toEqual([
        { user, firstSignInAt: now, lastSignInAt: now + 60 },
      ]);
      await stores.dashboardSessions.endDashboardSession(cookie);
      expect(await stores.dashboardSessions.findDashboardSession(cookie)).toBeUndefined();
    });
  });

  describe('the directory', () => {
    const pages = async <T>(list: (options: ListOptions) => Promise<ListedPage<T>>, limit: number): Promise<T[]> => {
      const items: T[] = [];
      let after: string | undefined;
      do {
        const page = await list({ limit, after });
        expect(page.items.length).toBeLessThanOrEqual(limit);
        items.push(...page.items);
        after = page.next;
      } while (after !== undefined);
      return items;
    };

    test.each([1, 2, 50])('lists sessions and grants of a user, latest first, %i a page', async (limit) => {
      const user = fresh('user');
      const sessions = [5, 1, 3].map((later) => aSession({ user, startedAt: now + later }));
      for (const session of [...sessions, aSession()]) await stores.sessions.start(session, now);
      const grants = [2, 4, 3].map((later) => aGrant({ user, createdAt: now + later }));
      for (const grant of [...grants, aGrant()]) await stores.grants.createGrant(created(grant));
      const listed = await pages((options) => stores.directory.sessionsOf(user, options), limit);
      expect(listed).toEqual(sessions.toSorted((a, b) => b.startedAt - a.startedAt));
      const connected = await pages((options) => stores.directory.grantsOf(user, options), limit);
      expect(connected).toEqual(grants.toSorted((a, b) => b.createdAt - a.createdAt));
    });

    test.each([3, 100])('lists sessions, grants and users of all users, latest first, %i a page', async (limit) => {
      const ids = Array.from({ length: 12 }, () => `${String.fromCharCode(97 + (serial % 26))}-${++serial}`);
      const later = 100_000 + serial * 1000;
      for (const [index, id] of ids.entries()) {
        await stores.sessions.start(aSession({ id, lastSeenAt: now + later + index }), now);
        await stores.grants.createGrant(created(aGrant({ id, createdAt: now + later + index })));
        await stores.dashboardSessions.startDashboardSession(
          fresh('cookie'),
          { user: id, groups: [], expiresAt: now },
          now + later + index,
        );
      }
      const latest = ids.toReversed();
      const { directory } = stores;
      const first = <T>(items: T[]) => items.slice(0, ids.length);
      expect(first(await pages((options) => directory.recentSessions(options), limit)).map(({ id }) => id)).toEqual(
        latest,
      );
      expect(first(await pages((options) => directory.recentGrants(options), limit)).map(({ id }) => id)).toEqual(
        latest,
      );
      const users = (await pages((options) => directory.recentUsers(options), limit)).map(({ user }) => user);
      expect(users.filter((user) => ids.includes(user))).toEqual(latest);
    });

    test('returns a session under each of its names, and existing grants', async () => {
      const grant = aGrant();
      await stores.grants.createGrant(created(grant));
      const legacy = aSession({ grant: grant.id });
      const former = aSession({ grant: grant.id, era: 'modern', initialize: undefined });
      const current = { ...former, id: fresh('session') };
      await stores.sessions.start(legacy, now);
      await stores.sessions.start(former, now);
      await stores.sessions.start(current, former.expiresAt, former);
      for (const session of [legacy, former, current]) {
        expect(await stores.directory.session(grant.id, session.id, session.era)).toEqual(session);
        expect(await stores.directory.session(fresh('grant'), session.id, session.era)).toBeUndefined();
      }
      expect(await stores.directory.grants([fresh('grant'), grant.id])).toEqual([grant]);
      expect(await stores.directory.grants([])).toEqual([]);
    });
  });

  describe('revocation', () => {
    test('of a grant succeeds once and stores its time', async () => {
      const all = created(aGrant());
      await stores.grants.createGrant(all);
      const revoked = await Promise.all([0, 1, 2].map(() => stores.revocation.revokeGrant(all.grant.id, now + 3)));
      expect(revoked.filter(Boolean)).toHaveLength(1);
      expect((await stores.grants.findGrant(all.grant.id)).grant).toEqual({
        ...all.grant,
        status: 'revoked',
        revokedAt: now + 3,
      });
    });

    test('of a session ends no other session of its grant', async () => {
      const grant = fresh('grant');
      const [ended, other] = [aSession({ grant }), aSession({ grant })];
      for (const session of [ended, other]) await stores.sessions.start(session, now);
      expect(await stores.revocation.revokeSession(ended, now + 1)).toBe(true);
      expect(await stores.revocation.revokeSession(ended, now + 1)).toBe(false);
      expect(await stores.revocation.revokeSession(aSession(), now + 1)).toBe(false);
      expect(await stores.directory.session(grant, ended.id, 'legacy')).toMatchObject({
        endedAt: now + 1,
        endedBy: 'revocation',
        expiresAt: ended.expiresAt,
      });
      expect(await stores.directory.session(grant, other.id, 'legacy')).toEqual(other);
    });

    test('of a modern session lets the next one start', async () => {
      const session = aSession({ grant: fresh('grant'), era: 'modern' });
      await stores.sessions.start(session, now);
      expect(await stores.revocation.revokeSession({ ...session, id: fresh('session') }, now + 1)).toBe(false);
      expect(await stores.revocation.revokeSession(session, now + 1)).toBe(true);
      expect(await stores.sessions.start({ ...session, id: fresh('session') }, now + 1)).toBe(true);
    });
  });
});

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
