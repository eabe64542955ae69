import type { Grant } from '../../core/access/grant.ts';
import type { Directory, ListedPage, ListOptions, User } from '../../core/admin/directory.ts';
import type { RevocationStore } from '../../core/admin/revocation.ts';
import type { AggregateStore, Aggregates } from '../../core/audit/aggregates.ts';
import { type AuditLogStore, bucketOf, callName, type ToolCall } from '../../core/audit/tool-call.ts';
import type {
  DashboardSession,
  DashboardSessionStarter,
  DashboardSessionStore,
} from '../../core/dashboard/dashboard-session.ts';
import type { SealedUpstreamTokens, UpstreamTokenStore } from '../../core/identity/upstream-tokens.ts';
import type { ChangeStore, PublishedChange } from '../../core/mcp/change-notifications.ts';
import type { Execution, ExecutionEvent, ExecutionStore } from '../../core/mcp/execution.ts';
import type { StateEntry, StateStore } from '../../core/mcp/tool-state.ts';
import type {
  AuthorizationCode,
  AuthorizationRequest,
  BrowserBinding,
  FlowStore,
  GrantStore,
  UpstreamState,
} from '../../core/oauth/authorization-flow.ts';
import type { AssertionStore } from '../../core/oauth/clients/client-assertion.ts';
import type { DocumentStore } from '../../core/oauth/clients/client-documents.ts';
import type { ClientStore, RegisteredClient } from '../../core/oauth/clients/client-registration.ts';
import type { CachedDocument } from '../../core/oauth/clients/document-freshness.ts';
import type { RateLimitStore } from '../../core/oauth/clients/rate-limit.ts';
import {
  CURRENT,
  formerName,
  type ImportedSession,
  MOST_SUBSCRIPTIONS,
  type Session,
  type SessionStore,
  type StoredSession,
} from '../../core/sessions/session.ts';
import type { SealedKeyStore } from '../../core/support/sealed-key.ts';

/**
 * All the stores in the memory of one process: for unit tests, and for owners who run the server outside AWS in a
 * single long-lived process. What has expired stays until it is overwritten, as in DynamoDB before its TTL.
 */
export type MemoryStores = {
  sessions: SessionStore;
  runs: ExecutionStore;
  changes: ChangeStore;
  calls: AuditLogStore;
  clients: ClientStore;
  documents: DocumentStore;
  rateLimits: RateLimitStore;
  assertions: AssertionStore;
  flows: FlowStore;
  grants: GrantStore;
  upstreamTokens: UpstreamTokenStore;
  sealedKeys: SealedKeyStore;
  state: StateStore;
  aggregates: AggregateStore;
  dashboardSessions: DashboardSessionStore & DashboardSessionStarter;
  directory: Directory;
  revocation: RevocationStore;
};

type KeptRun = { run: Execution; request: string; answers: Map<string, string>; events: Map<number, ExecutionEvent> };
type Leased = SealedUpstreamTokens & { leaseOwner?: string; leaseUntil?: number };

export function memoryStores(): MemoryStores {
  const clients = new Map<string, RegisteredClient>();
  const documents = new Map<string, CachedDocument & { leaseOwner?: string }>();
  const dueTimes = new Map<string, number>();
  const assertions = new Map<string, number>();
  const requests = new Map<string, AuthorizationRequest & BrowserBinding>();
  const upstreamStates = new Map<string, UpstreamState>();
  const codes = new Map<string, AuthorizationCode>();
  const grants = new Map<string, Grant>();
  const tokens = new Map<string, Leased>();
  const sessions = new Map<string, StoredSession>();
  const imported = new Map<string, ImportedSession>();
  const keys = new Map<string, string>();
  const entries = new Map<string, StateEntry>();
  const changes = new Map<string, PublishedChange[]>();
  const listeners = new Map<string, string>();
  const calls = new Map<string, Map<string, { call: ToolCall; expiresAt: number }>>();
  const runs = new Map<string, KeptRun>();

  const users = new Map<string, User>();
  const dashboardSessions = new Map<string, DashboardSession>();
  const aggregates = new Map<string, Aggregates>();
  let countedUntil: number | undefined;

  const runName = (grant: string, id: string) => `${grant}\n${id}`;
  const sessionName = (grant: string, name: string) => `${grant}\n${name}`;
  const importedName = (user: string, id: string) => `${user}\n${id}`;
  const nameOf = (session: Session) => sessionName(session.grant, session.era === 'modern' ? CURRENT : session.id);
  const isFree = (name: string, now: number) => (sessions.get(name)?.expiresAt ?? 0) <= now;

  function take<T extends BrowserBinding>(
    waiting: Map<string, T>,
    key: string,
    browser: string,
    now: number,
  ): T | undefined {
    const found = waiting.get(key);
    if (!found || found.browser !== browser || found.expiresAt <= now) return undefined;
    waiting.delete(key);
    return found;
  }

  const signedIn = (user: string, sealedName: string | undefined, now: number) =>
    users.set(user, {
      user,
      ...(sealedName && { sealedName }),
      firstSignInAt: users.get(user)?.firstSignInAt ?? now,
      lastSignInAt: now,
    });

  const liveCalls = (now: number) =>
    [...calls.values()]
      .flatMap((ofSession) => [...ofSession.values()])
      .filter(({ expiresAt }) => expiresAt > now)
      .map(({ call }) => call)
      .toSorted((a, b) => (callName(a) < callName(b) ? 1 : -1));

  const realSessions = () => [...sessions.values()].filter((stored): stored is Session => 'id' in stored);

  async function revokeGrant(id: string, now: number): Promise<boolean> {
    const grant = grants.get(id);
    if (!grant || grant.status === 'revoked') return false;
    grants.set(id, { ...grant, status: 'revoked', revokedAt: now });
    tokens.delete(id);
    return true;
  }

  return {
    directory: {
      sessionsOf: async (user, options) =>
        listed(
          realSessions().filter((each) => each.user === user),
          ({ startedAt, id }) => `${startedAt}#${id}`,
          options,
        ),
      recentSessions: async (options) => listed(realSessions(), ({ lastSeenAt, id }) => `${lastSeenAt}#${id}`, options),
      grantsOf: async (user, options) =>
        listed(
          [...grants.values()].filter((each) => each.user === user),
          ({ createdAt, id }) => `${createdAt}#${id}`,
          options,
        ),
      recentGrants: async (options) =>
        listed([...grants.values()], ({ createdAt, id }) => `${createdAt}#${id}`, options),
      recentUsers: async (options) =>
        listed([...users.values()], ({ lastSignInAt, user }) => `${lastSignInAt}#${user}`, options),
      session: async (grant, id, era) => {
        const names = era === 'modern' ? [CURRENT, formerName({ id })] : [id];
        const stored = names.map((name) => sessions.get(sessionName(grant, name)));
        return copy(stored.find((each): each is Session => each !== undefined && 'id' in each && each.id === id));
      },
      grants: async (ids) => copy(ids.map((id) => grants.get(id)).filter((each) => each !== undefined)),
      users: async (keys) => copy(keys.map((key) => users.get(key)).filter((each) => each !== undefined)),
    },

    revocation: {
      revokeGrant,
      async revokeSession({ grant, id, era }, now) {
        const name = sessionName(grant, era === 'modern' ? CURRENT : id);
        const found = sessions.get(name);
        if (!found || !('id' in found) || found.id !== id) return false;
        if (found.expiresAt <= now || found.endedAt !== undefined) return false;
        const over = era === 'modern' && { expiresAt: now };
        sessions.set(name, { ...found, endedAt: now, endedBy: 'revocation', ...over });
        return true;
      },
    },

    aggregates: {
      async load(step, from, to) {
        return [...aggregates]
          .map(([name, each]) => ({ name: name.split('#')[0], at: Number(name.split('#')[1]), aggregates: copy(each) }))
          .filter(({ name, at }) => name === step && at >= from && at < to)
          .map(({ name, ...period }) => period)
          .toSorted((a, b) => a.at - b.at);
      },
      async save(step, { at, aggregates: saved }) {
        aggregates.set(`${step}#${at}`, copy(saved));
      },
      async countedUntil() {
        return countedUntil;
      },
      async moveOn(from, to) {
        if (countedUntil !== from) return false;
        countedUntil = to;
        return true;
      },
    },

    dashboardSessions: {
      async startDashboardSession(cookieHash, visit, now) {
        dashboardSessions.set(cookieHash, copy(visit));
        signedIn(visit.user, visit.sealedName, now);
      },
      async findDashboardSession(cookieHash) {
        return copy(dashboardSessions.get(cookieHash));
      },
      async endDashboardSession(cookieHash) {
        dashboardSessions.delete(cookieHash);
      },
    },

    sessions: {
      async find(grant, name) {
        return copy({ grant: grants.get(grant), stored: sessions.get(sessionName(grant, name)) });
      },
      async start(session, now, former) {
        if (!isFree(nameOf(session), now)) return false;
        if (former) sessions.set(sessionName(former.grant, formerName(former)), copy(former));
        sessions.set(nameOf(session), copy(session));
        return true;
      },
      async renew(session, staleName, now) {
        const stale = sessionName(session.grant, staleName);
        if (!isFree(stale, now)) return false;
        sessions.set(nameOf(session), copy(session));
        sessions.set(stale, { renewedAs: session.id, expiresAt: session.expiresAt });
        return true;
      },
      async slide(session, lastSeenAt, expiresAt) {
        const found = sessions.get(nameOf(session));
        if (!found || !('id' in found) || found.id !== session.id) return;
        if (found.expiresAt <= lastSeenAt || found.endedAt !== undefined) return;
        sessions.set(nameOf(session), { ...found, lastSeenAt, expiresAt });
      },
      async note(session, notes, now) {
        const found = sessions.get(nameOf(session));
        if (!found || !('id' in found) || found.expiresAt <= now || found.endedAt !== undefined) return;
        const subscriptions = new Set(found.subscriptions);
        if ('subscribed' in notes && subscriptions.size < MOST_SUBSCRIPTIONS) subscriptions.add(notes.subscribed);
        if ('unsubscribed' in notes) subscriptions.delete(notes.unsubscribed);
        const logLevel = 'logLevel' in notes ? notes.logLevel : found.logLevel;
        sessions.set(nameOf(session), {
          ...found,
          ...(logLevel !== undefined && { logLevel }),
          ...(subscriptions.size > 0 ? { subscriptions } : { subscriptions: undefined }),
        });
      },
      async end(grant, id, now) {
        const found = sessions.get(sessionName(grant, id));
        if (!found || !('id' in found) || found.expiresAt <= now || found.endedAt !== undefined) return;
        sessions.set(sessionName(grant, id), { ...found, endedAt: now });
      },
      async addImported(session, now) {
        const name = importedName(session.user, session.id);
        if ((imported.get(name)?.expiresAt ?? 0) > now) return false;
        imported.set(name, copy(session));
        return true;
      },
      async findImported(user, id) {
        return copy(imported.get(importedName(user, id)));
      },
      async takeUp(session, now) {
        const name = importedName(session.user, session.id);
        if ((imported.get(name)?.expiresAt ?? 0) <= now || !isFree(nameOf(session), now)) return false;
        imported.delete(name);
        sessions.set(nameOf(session), copy(session));
        return true;
      },
    },

    clients: {
      async register(client) {
        const known = clients.get(client.id);
        const registered = {
          ...client,
          createdAt: known?.createdAt ?? client.createdAt,
          expiresAt: Math.max(known?.expiresAt ?? 0, client.expiresAt),
        };
        clients.set(client.id, copy(registered));
        return registered;
      },
      async find(id, now) {
        const found = clients.get(id);
        return found && found.expiresAt > now ? copy(found) : undefined;
      },
      async extend(id, now, expiresAt) {
        const found = clients.get(id);
        if (!found || found.expiresAt <= now) return false;
        clients.set(id, { ...found, expiresAt });
        return true;
      },
    },

    documents: {
      async findDocument(urlHash) {
        const found = documents.get(urlHash);
        if (!found) return undefined;
        const { leaseOwner, ...cached } = found;
        return copy(cached);
      },
      async leaseDocument(urlHash, owner, now, until) {
        const found = documents.get(urlHash);
        if ((found?.leaseUntil ?? 0) > now) return false;
        documents.set(urlHash, { ...found, leaseOwner: owner, leaseUntil: until });
        return true;
      },
      async saveDocument(urlHash, _url, owner, cached) {
        if (documents.get(urlHash)?.leaseOwner !== owner) return false;
        documents.set(urlHash, copy(cached));
        return true;
      },
    },

    rateLimits: {
      async due(name) {
        return dueTimes.get(name);
      },
      async advance(name, from, to) {
        if (dueTimes.get(name) !== from) return false;
        dueTimes.set(name, to);
        return true;
      },
    },

    assertions: {
      async spendAssertion(assertionHash, now, expiresAt) {
        if ((assertions.get(assertionHash) ?? 0) > now) return false;
        assertions.set(assertionHash, expiresAt);
        return true;
      },
    },

    flows: {
      async putAuthorizationRequest(handleHash, request) {
        requests.set(handleHash, copy(request));
      },
      async takeAuthorizationRequest(handleHash, browser, now) {
        return take(requests, handleHash, browser, now);
      },
      async putUpstreamState(stateHash, state) {
        upstreamStates.set(stateHash, copy(state));
      },
      async takeUpstreamState(stateHash, browser, now) {
        return take(upstreamStates, stateHash, browser, now);
      },
      async deleteUpstreamState(stateHash) {
        upstreamStates.delete(stateHash);
      },
    },

    grants: {
      /** Approvals are for whoever audits a table; a process that forgets them all at its end keeps none. */
      async createGrant(created) {
        grants.set(created.grant.id, copy(created.grant));
        tokens.set(created.grant.id, copy(created.tokens));
        codes.set(created.codeHash, copy(created.code));
        signedIn(created.grant.user, created.sealedName, created.grant.createdAt);
      },
      async findCode(codeHash) {
        return copy(codes.get(codeHash));
      },
      async redeemCode(codeHash, now) {
        const code = codes.get(codeHash);
        if (!code || code.usedAt !== undefined || code.expiresAt <= now) return false;
        codes.set(codeHash, { ...code, usedAt: now });
        return true;
      },
      async findGrant(id) {
        return copy({ grant: grants.get(id), tokens: tokens.get(id) });
      },
      async rotate(id, head, refresh, idleExpiresAt) {
        const grant = grants.get(id);
        if (grant?.status !== 'active' || grant.refresh.head !== head) return false;
        grants.set(id, { ...grant, refresh: copy(refresh), idleExpiresAt });
        return true;
      },
      revokeGrant,
    },

    runs: {
      async createExecution(run, request) {
        runs.set(runName(run.grant, run.id), { run: copy(run), request, answers: new Map(), events: new Map() });
      },
      async findExecution(grant, id) {
        return copy(runs.get(runName(grant, id))?.run);
      },
      async executionsOf(grant) {
        return [...runs.values()].filter(({ run }) => run.grant === grant).map(({ run }) => copy(run));
      },
      async saveExecution(run) {
        const found = runs.get(runName(run.grant, run.id));
        if (!found || (found.run.version !== run.version - 1 && found.run.mark !== run.mark)) return false;
        found.run = copy(run);
        return true;
      },
      async loadRequest(run) {
        const { request, answers } = runs.get(runName(run.grant, run.id))!;
        return { request, answers: new Map(answers) };
      },
      async addAnswer(run, name, text) {
        runs.get(runName(run.grant, run.id))!.answers.set(name, text);
      },
      async addEvents(run, events) {
        const kept = runs.get(runName(run.grant, run.id))!.events;
        for (const event of copy(events)) kept.set(event.number, event);
      },
      async eventsAfter(run, number) {
        const events = runs.get(runName(run.grant, run.id))?.events.values() ?? [];
        const after = [...events].filter((event) => event.number > number);
        return copy(after.toSorted((a, b) => a.number - b.number));
      },
    },

    changes: {
      async publishChange(user, published) {
        changes.set(user, [...(changes.get(user) ?? []), copy(published)]);
      },
      async listen(user, session, listener) {
        listeners.set(`${user}\n${session}`, listener);
      },
      async changesSince(user, session, since) {
        const listener = listeners.get(`${user}\n${session}`);
        const published = (changes.get(user) ?? []).filter(({ at }) => at >= since);
        return copy({ changes: published, ...(listener !== undefined && { listener }) });
      },
    },

    calls: {
      async recordCall(call, expiresAt) {
        const session = calls.get(call.session) ?? new Map();
        calls.set(call.session, session.set(callName(call), { call: copy(call), expiresAt }));
      },
      async callsOf(session, { limit, after = '', now }) {
        const live = [...(calls.get(session) ?? [])]
          .filter(([name, { expiresAt }]) => name > after && expiresAt > now)
          .toSorted(([a], [b]) => (a < b ? -1 : 1));
        const page = live.slice(0, limit).map(([, { call }]) => call);
        return copy({ calls: page, ...(live.length > limit && { next: callName(page.at(-1)!) }) });
      },
      async latestOf(session, { limit, before, now }) {
        const found = liveCalls(now).filter(
          (call) => call.session === session && (before === undefined || callName(call) < before),
        );
        return copy(found.slice(0, limit));
      },
      async *callsEndedIn(bucket) {
        for (const call of liveCalls(0)) if (bucketOf(call) === bucket) yield copy(call);
      },
      async *latestEndedIn(bucket, { before, now }) {
        for (const call of liveCalls(now)) {
          if (bucketOf(call) === bucket && (before === undefined || callName(call) < before)) yield copy(call);
        }
      },
    },

    upstreamTokens: {
      async loadTokens(grant) {
        return copy(tokens.get(grant));
      },
      async leaseTokens(grant, version, owner, now, until) {
        const found = tokens.get(grant);
        if (found?.version !== version || (found.leaseUntil ?? 0) > now) return false;
        tokens.set(grant, { ...found, leaseOwner: owner, leaseUntil: until });
        return true;
      },
      async saveTokens(grant, owner, saved) {
        if (tokens.get(grant)?.leaseOwner !== owner) return false;
        tokens.set(grant, copy(saved));
        return true;
      },
      async releaseTokens(grant, owner) {
        const found = tokens.get(grant);
        if (found?.leaseOwner !== owner) return;
        const { leaseOwner, leaseUntil, ...free } = found;
        tokens.set(grant, free);
      },
    },

    sealedKeys: {
      async loadKey(name) {
        return keys.get(name);
      },
      async createKey(name, sealed) {
        if (!keys.has(name)) keys.set(name, sealed);
        return keys.get(name)!;
      },
    },

    state: {
      async get(user, key, now) {
        const found = entries.get(`${user}\n${key}`);
        return found && found.expiresAt > now ? copy(found) : undefined;
      },
      async put(user, entry, expected, now) {
        const found = await this.get(user, entry.key, now);
        if ((found?.version ?? 0) !== expected) return false;
        entries.set(`${user}\n${entry.key}`, copy(entry));
        return true;
      },
      async delete(user, key) {
        entries.delete(`${user}\n${key}`);
      },
      async list(user, prefix, limit, after = '', now) {
        const live = [...entries]
          .filter(([name, { expiresAt }]) => name.startsWith(`${user}\n${prefix}`) && expiresAt > now)
          .map(([, entry]) => entry)
          .filter(({ key }) => key > after)
          .toSorted((a, b) => (a.key < b.key ? -1 : 1));
        const page = live.slice(0, limit);
        return copy({ entries: page, ...(live.length > limit && { next: page.at(-1)!.key }) });
      },
    },
  };
}

function listed<T>(all: T[], nameOf: (each: T) => string, { limit, after }: ListOptions): ListedPage<T> {
  const rest = all
    .map((each) => ({ each, name: nameOf(each) }))
    .filter(({ name }) => after === undefined || name < after)
    .toSorted((a, b) => (a.name < b.name ? 1 : -1));
  const page = rest.slice(0, limit);
  return copy({ items: page.map(({ each }) => each), ...(rest.length > limit && { next: page.at(-1)!.name }) });
}

/** Callers own what they get: a store on the network would hand out a copy as well. */
const copy = <T>(value: T): T => structuredClone(value);
