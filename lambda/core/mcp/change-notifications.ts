import type { JSONRPCNotification, ServerCapabilities } from '@modelcontextprotocol/server';
import { randomId } from '../support/crypto.ts';

/** Something that a server has for a user is no longer what it was. */
export type ServerChange =
  | { kind: 'tools_list_changed' | 'prompts_list_changed' | 'resources_list_changed' }
  | { kind: 'resource_updated'; uri: string };

/** A change as it is stored. Times are epoch seconds. */
export type PublishedChange = { id: string; at: number; change: ServerChange };

/** Where changes are kept for as long as somebody may listen. Every method throws `Outage` when the store does not answer. */
export interface ChangeStore {
  publishChange(user: string, published: PublishedChange, expiresAt: number): Promise<void>;
  /** Makes this the one that listens for the session. */
  listen(user: string, session: string, listener: string, expiresAt: number): Promise<void>;
  /** Changes of a user since then, and who listens for the session. */
  changesSince(
    user: string,
    session: string,
    since: number,
  ): Promise<{ changes: PublishedChange[]; listener?: string }>;
}

export type ChangeNotificationDependencies = {
  store: ChangeStore;
  /** How long a client that listens is held; 0: nobody listens, and no server says that it tells of changes. */
  seconds: number;
  /** Epoch seconds. */
  now: () => number;
};

const POLL_MILLISECONDS = 1_000;
const QUIET_SECONDS = 15;
/** Changes that another process published this long ago may still turn up: clocks differ, and so do writes. */
const OVERLAP_SECONDS = 5;

/**
 * Change notifications, for servers whose processes share no memory: what one publishes, the others find in the store.
 * A client that listens keeps a function running, so it is held for a while only, and once for each session.
 */
export class ChangeNotifications {
  readonly #parts: ChangeNotificationDependencies;

  constructor(parts: ChangeNotificationDependencies) {
    this.#parts = parts;
  }

  get isOn(): boolean {
    return this.#parts.seconds > 0;
  }

  async publish(user: string, change: ServerChange): Promise<void> {
    const { store, seconds, now } = this.#parts;
    if (!this.isOn) return;
    const at = now();
    await store.publishChange(user, { id: randomId(), at, change }, at + seconds + 2 * OVERLAP_SECONDS);
  }

  /**
   * The user's changes from now on, each once, until the time is up, or somebody else listens for the session; and nothing
   * now and then, so that whoever passes them on can show that it is still there.
   */
  async *follow(
    user: string,
    session: string,
    signal?: AbortSignal,
  ): AsyncGenerator<ServerChange | undefined, undefined> {
    const { store, seconds, now } = this.#parts;
    const me = randomId();
    const since = now();
    const until = since + seconds;
    const seen = new Set<string>();
    for (const { id } of (await store.changesSince(user, session, since - OVERLAP_SECONDS)).changes) seen.add(id);
    await store.listen(user, session, me, until + OVERLAP_SECONDS);
    while (now() < until && !signal?.aborted) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
      if ((now() - since) % QUIET_SECONDS === 0) yield undefined;
      const { changes, listener } = await store.changesSince(user, session, since - OVERLAP_SECONDS);
      for (const { id, change } of changes) {
        if (seen.has(id)) continue;
        seen.add(id);
        yield change;
      }
      if (listener !== me) return undefined;
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

/** The change that a notification tells of, if it is such a one. */
export function changeIn({ method, params }: JSONRPCNotification): ServerChange | undefined {
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

/** Whether a session of the 2025 era is to be told of a change: as its server has said, and it has asked. */
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
 * What a server says of itself where nobody listens. Clients would hold a stream open to hear of changes, and a function
 * would run, and be paid for, as long as they do.
 */
export function withoutChanges({ tools, prompts, resources, ...rest }: ServerCapabilities): ServerCapabilities {
  const { subscribe, ...silent } = resources ?? {};
  return {
    ...rest,
    ...(tools && { tools: { ...tools, listChanged: false } }),
    ...(prompts && { prompts: { ...prompts, listChanged: false } }),
    ...(resources && { resources: { ...silent, listChanged: false } }),
  };
}
