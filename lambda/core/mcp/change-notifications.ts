import type { JSONRPCNotification, ServerCapabilities } from '@modelcontextprotocol/server';
import { type Clock, epochSeconds } from '../support/clock.ts';
import { randomId } from '../support/crypto.ts';
import { type OwnerServer, protocolServerOf } from './sdk/owner-server.ts';
import { HEARTBEAT_MILLISECONDS } from './sse.ts';

/** A change of what a server offers to a user. */
export type ServerChange =
  | { kind: 'tools_list_changed' | 'prompts_list_changed' | 'resources_list_changed' }
  | { kind: 'resource_updated'; uri: string };

/** A change as it is stored. Times are epoch seconds. */
export type PublishedChange = { id: string; at: number; change: ServerChange };

/** Stores changes while a client may listen. Each method throws `ServiceUnavailableError` when the store does not answer. */
export interface ChangeStore {
  publishChange(user: string, published: PublishedChange, expiresAt: number): Promise<void>;
  /** Makes this the listener of the session, in place of an earlier one. */
  listen(user: string, session: string, listener: string, expiresAt: number): Promise<void>;
  /** Changes of a user since then, and the listener of the session. */
  changesSince(
    user: string,
    session: string,
    since: number,
  ): Promise<{ changes: PublishedChange[]; listener?: string }>;
}

export type ChangeNotificationDependencies = {
  store: ChangeStore;
  /** How long a listening client is held; 0 switches change notifications off, in the server's capabilities too. */
  seconds: number;
  clock: Clock;
};

/**
 * Reports changes that happen outside of this deployment, while a client listens.
 *
 * @param uris the resources whose updates the client requests
 * @returns when `signal` is aborted, or no change can follow. It does not reject.
 */
export type ChangeSource = (
  uris: readonly string[],
  report: (change: ServerChange) => Promise<void>,
  signal: AbortSignal,
) => Promise<void>;

/** By the low-level server, which is the same for an `McpServer` and for its stand-in (`fast-path/light-server.ts`). */
const sources = new WeakMap<object, ChangeSource>();

export const setChangeSource = (server: OwnerServer, source: ChangeSource): void =>
  void sources.set(protocolServerOf(server), source);

/** The source of a server, for `ChangeNotifications.follow`. */
export const changeSourceOf = (server: OwnerServer): ChangeSource | undefined => sources.get(protocolServerOf(server));

const POLL_MILLISECONDS = 1_000;
/** Changes published by other processes appear up to this late: clocks differ, and writes take time. */
const OVERLAP_SECONDS = 5;

/**
 * Change notifications between processes that share no memory: one process publishes a change, the others find it in the
 * store. A listening client keeps a function running, so it is held for a limited time, and once for each session.
 */
export class ChangeNotifications {
  readonly #dependencies: ChangeNotificationDependencies;

  constructor(dependencies: ChangeNotificationDependencies) {
    this.#dependencies = dependencies;
  }

  get isOn(): boolean {
    return this.#dependencies.seconds > 0;
  }

  async publish(user: string, change: ServerChange): Promise<void> {
    const { store, seconds, clock } = this.#dependencies;
    if (!this.isOn) return;
    const at = epochSeconds(clock);
    await store.publishChange(user, { id: randomId(), at, change }, at + seconds + 2 * OVERLAP_SECONDS);
  }

  /**
   * The user's changes from now on, each once, until the time ends or another listener of the session begins; and
   * undefined after 15 s without a change, for a heartbeat. Changes of the source reach the user's other listeners too.
   */
  async *follow(
    user: string,
    session: string,
    {
      signal,
      source,
      uris = [],
    }: {
      signal?: AbortSignal;
      source?: ChangeSource | undefined;
      uris?: readonly string[] | undefined;
    } = {},
  ): AsyncGenerator<ServerChange | undefined, undefined> {
    const end = new AbortController();
    try {
      void source?.(uris, (change) => this.publish(user, change), end.signal);
      yield* this.#stored(user, session, signal);
    } finally {
      end.abort();
    }
  }

  async *#stored(
    user: string,
    session: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ServerChange | undefined, undefined> {
    const { store, seconds, clock } = this.#dependencies;
    const listener = randomId();
    const since = epochSeconds(clock);
    const until = since + seconds;
    const seen = new Set<string>();
    for (const { id } of (await store.changesSince(user, session, since - OVERLAP_SECONDS)).changes) seen.add(id);
    await store.listen(user, session, listener, until + OVERLAP_SECONDS);
    let quietSince = clock.now();
    while (epochSeconds(clock) < until && !signal?.aborted) {
      await clock.sleep(POLL_MILLISECONDS);
      if (clock.now() - quietSince >= HEARTBEAT_MILLISECONDS) {
        quietSince = clock.now();
        yield undefined;
      }
      const found = await store.changesSince(user, session, since - OVERLAP_SECONDS);
      for (const { id, change } of found.changes) {
        if (seen.has(id)) continue;
        seen.add(id);
        quietSince = clock.now();
        yield change;
      }
      if (found.listener !== listener) return undefined;
    }
    return undefined;
  }
}

const methods: Record<ServerChange['kind'], string> = {
  tools_list_changed: 'notifications/tools/list_changed',
  prompts_list_changed: 'notifications/prompts/list_changed',
  resources_list_changed: 'notifications/resources/list_changed',
  resource_updated: 'notifications/resources/updated',
};

/** The change that a notification announces, if it announces one. */
export function changeOf({ method, params }: JSONRPCNotification): ServerChange | undefined {
  const kind = (Object.keys(methods) as ServerChange['kind'][]).find((each) => methods[each] === method);
  if (kind === undefined) return undefined;
  if (kind !== 'resource_updated') return { kind };
  return typeof params?.uri === 'string' ? { kind, uri: params.uri } : undefined;
}

export const notificationOf = (change: ServerChange): JSONRPCNotification => ({
  jsonrpc: '2.0',
  method: methods[change.kind],
  ...(change.kind === 'resource_updated' && { params: { uri: change.uri } }),
});

/** Whether a session of the 2025 era receives a change: its server announces it, and its client subscribed to it. */
export function isSubscribed(
  change: ServerChange,
  { tools, prompts, resources }: ServerCapabilities,
  subscriptions: ReadonlySet<string> = new Set(),
): boolean {
  switch (change.kind) {
    case 'tools_list_changed':
      return tools?.listChanged === true;
    case 'prompts_list_changed':
      return prompts?.listChanged === true;
    case 'resources_list_changed':
      return resources?.listChanged === true;
    case 'resource_updated':
      return resources?.subscribe === true && subscriptions.has(change.uri);
  }
}

/**
 * Capabilities without change notifications. A client that sees them holds a stream open, and a function runs, and is
 * billed, as long as it does.
 */
export function withoutChangeNotifications({
  tools,
  prompts,
  resources,
  ...rest
}: ServerCapabilities): ServerCapabilities {
  const { subscribe, ...withoutSubscribe } = resources ?? {};
  return {
    ...rest,
    ...(tools && { tools: { ...tools, listChanged: false } }),
    ...(prompts && { prompts: { ...prompts, listChanged: false } }),
    ...(resources && { resources: { ...withoutSubscribe, listChanged: false } }),
  };
}
