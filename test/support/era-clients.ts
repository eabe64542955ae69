import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  type ElicitResult,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { Clock, Timer } from '../../lambda/core/support/clock.ts';

/** Clients of both SDKs and eras behind one interface. */

type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** The server as its clients reach it. Their delays before a reconnection pass on its clock. */
export type Endpoint = { url: URL; fetch: Fetch; clock: Clock };

/** How a client answers elicitation, sampling and roots requests. */
export type Answers = {
  elicit?: (message: string) => ElicitResult | Promise<ElicitResult>;
  sample?: (prompt: string) => string | Promise<string>;
  roots?: () => string[];
  /** Answers the elicitation of a URL. */
  openUrl?: () => ElicitResult;
};

type CallOptions = { signal?: AbortSignal; onprogress?: (progress: { progress: number; message?: string }) => void };
type Result = { content: { type: string; text?: string }[]; isError?: boolean; structuredContent?: unknown };

export type TestClient = {
  call(name: string, given?: Record<string, unknown>, options?: CallOptions): Promise<Result>;
  /** The log notifications of the server. */
  logs: unknown[];
  /** The errors that the client reports. */
  errors: string[];
  listTools(): Promise<unknown>;
  setLevel(level: 'debug' | 'error'): Promise<unknown>;
  /** The client of the SDK, with the methods that both have. */
  sdk: Client;
  close(): Promise<void>;
};

export type Connect = (endpoint: Endpoint, answers?: Answers) => Promise<TestClient>;

const info = { name: 'test', version: '1' };
const capabilitiesOf = ({ elicit, openUrl, sample, roots }: Answers) => ({
  ...(elicit && { elicitation: {} }),
  ...(openUrl && { elicitation: { ...(elicit && { form: {} }), url: {} } }),
  ...(sample && { sampling: {} }),
  ...(roots && { roots: {} }),
});

/** @returns undefined when the client answers no elicitation */
const answerOf = ({ elicit, openUrl }: Answers) =>
  (elicit || openUrl) &&
  ((params: { mode?: string | undefined; message: string }) =>
    params.mode === 'url' ? openUrl!() : elicit!(params.message));

const sampled = (text: string) => ({
  role: 'assistant' as const,
  model: 'm',
  content: { type: 'text' as const, text },
});
const promptOf = ({ messages }: { messages: { content: unknown }[] }) =>
  String((messages[0]!.content as { text?: unknown }).text);
const listed = (uris: string[]) => ({ roots: uris.map((uri) => ({ uri })) });

type V1Reconnection = { _scheduleReconnection(...options: unknown[]): void };

/** The transport of SDK v1. It has no option for its timer, which it starts with the `setTimeout` of that moment. */
export function v1Transport({ url, fetch, clock }: Endpoint): V1Transport {
  const transport = new V1Transport(url, { fetch });
  const internals = transport as unknown as V1Reconnection;
  const schedule = internals._scheduleReconnection.bind(transport);
  const close = transport.close.bind(transport);
  let reconnection: Timer | undefined;
  internals._scheduleReconnection = (...options) => {
    const { setTimeout } = globalThis;
    const startTimer = (reconnect: () => void, delay = 0) => {
      reconnection = clock.after(delay, reconnect);
    };
    globalThis.setTimeout = startTimer as unknown as typeof setTimeout;
    try {
      schedule(...options);
    } finally {
      globalThis.setTimeout = setTimeout;
    }
  };
  transport.close = async () => {
    reconnection?.cancel();
    await close();
  };
  return transport;
}

export const v2Transport = ({ url, fetch, clock }: Endpoint): StreamableHTTPClientTransport =>
  new StreamableHTTPClientTransport(url, {
    fetch,
    reconnectionScheduler: (reconnect, delay) => {
      const timer = clock.after(delay, reconnect);
      return () => timer.cancel();
    },
  });

const connectV1: Connect = async (endpoint, answers = {}) => {
  const client = new V1Client(info, { capabilities: capabilitiesOf(answers) });
  const { sample, roots } = answers;
  const elicit = answerOf(answers);
  if (elicit) client.setRequestHandler(ElicitRequestSchema, async ({ params }) => elicit(params));
  if (sample)
    client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) => sampled(await sample(promptOf(params))));
  if (roots) client.setRequestHandler(ListRootsRequestSchema, async () => listed(roots()));
  const [logs, errors]: [unknown[], string[]] = [[], []];
  client.fallbackNotificationHandler = async ({ params }) => void logs.push(params?.data);
  client.onerror = (error) => void errors.push(error.message);
  await client.connect(v1Transport(endpoint));
  return {
    call: async (name, given = {}, options = {}) =>
      (await client.callTool({ name, arguments: given }, undefined, options as never)) as Result,
    logs,
    errors,
    listTools: () => client.listTools(),
    setLevel: (level) => client.setLoggingLevel(level),
    sdk: client as unknown as Client,
    close: () => client.close(),
  };
};

const connectV2 =
  (mode: 'legacy' | 'auto' | { pin: string }): Connect =>
  async (endpoint, answers = {}) => {
    const client = new Client(info, { capabilities: capabilitiesOf(answers), versionNegotiation: { mode } });
    const { sample, roots } = answers;
    const elicit = answerOf(answers);
    if (elicit) client.setRequestHandler('elicitation/create', async ({ params }) => (await elicit(params)) as never);
    if (sample)
      client.setRequestHandler('sampling/createMessage', async ({ params }) => sampled(await sample(promptOf(params))));
    if (roots) client.setRequestHandler('roots/list', async () => listed(roots()));
    const [logs, errors]: [unknown[], string[]] = [[], []];
    client.setNotificationHandler('notifications/message', async ({ params }) => void logs.push(params.data));
    client.onerror = (error) => void errors.push(error.message);
    await client.connect(v2Transport(endpoint));
    return {
      call: async (name, given = {}, options = {}) =>
        (await client.callTool({ name, arguments: given }, options as never)) as Result,
      logs,
      errors,
      listTools: () => client.listTools(),
      setLevel: (level) => client.setLoggingLevel(level),
      sdk: client as unknown as Client,
      close: () => client.close(),
    };
  };

export const ofSessions: [string, Connect][] = [
  ['a v1 client', connectV1],
  ['a v2 client of the 2025 era', connectV2('legacy')],
];

export const ofToday: [string, Connect][] = [
  ['a v2 client that negotiates its era', connectV2('auto')],
  ['a v2 client that is pinned to 2026-07-28', connectV2({ pin: '2026-07-28' })],
];

/** A gateway that buffers responses. */
export const buffering =
  (fetch: Fetch): Fetch =>
  async (url, init) => {
    const response = await fetch(url, init);
    const body = response.body && (await response.arrayBuffer());
    return new Response(body, response);
  };

export type Message = {
  id?: unknown;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown> & { content?: { text?: string }[] };
  error?: { code: number; message: string; data?: unknown };
};
export type SseEvent = { id?: string; retry?: string; message?: Message };

/**
 * Reads the events of a stream until its end or until `enough` of them have arrived. Comments do not count.
 * @param events receives the events, also if the stream breaks off
 */
export async function eventsOf(
  response: Response,
  enough = Number.POSITIVE_INFINITY,
  events: SseEvent[] = [],
): Promise<SseEvent[]> {
  let text = '';
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  while (events.length < enough) {
    const { value, done } = await reader.read();
    if (done) return events;
    const blocks = (text + value).split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) {
      const fields = Object.fromEntries([...block.matchAll(/^(\w+): (.*)$/gm)].map(([, name, value]) => [name, value]));
      if (fields.data === undefined) continue;
      const { id, retry, data } = fields;
      events.push({
        ...(id !== undefined && { id }),
        ...(retry !== undefined && { retry }),
        ...(data !== '' && { message: JSON.parse(data) }),
      });
    }
  }
  await reader.cancel();
  return events.slice(0, enough);
}

/** The chunks of a stream, each with the time of its arrival in epoch milliseconds. */
export async function arrivalsOf(response: Response, clock: Clock): Promise<{ at: number; text: string }[]> {
  const arrivals: { at: number; text: string }[] = [];
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return arrivals;
    arrivals.push({ at: clock.now(), text: value });
  }
}

export const messagesOf = async (response: Response): Promise<Message[]> => {
  if (!response.headers.get('content-type')?.includes('event-stream'))
    return [(await response.json()) as Message].flat();
  return (await eventsOf(response)).flatMap(({ message }) => message ?? []);
};

/** A session of the 2025 era by messages on the wire. */
export class RawSession {
  readonly #url: URL;
  readonly #fetch: Fetch;
  readonly #version: string;
  id = '';
  #last = 0;

  private constructor({ url, fetch }: Omit<Endpoint, 'clock'>, version: string) {
    this.#url = url;
    this.#fetch = fetch;
    this.#version = version;
  }

  static async begin(
    endpoint: Omit<Endpoint, 'clock'>,
    { version = '2025-11-25', capabilities = { elicitation: {}, sampling: {}, roots: {} } as object } = {},
  ): Promise<RawSession> {
    const session = new RawSession(endpoint, version);
    const response = await session.post({
      jsonrpc: '2.0',
      id: 'initialize',
      method: 'initialize',
      params: { protocolVersion: version, capabilities, clientInfo: info },
    });
    session.id = response.headers.get('mcp-session-id')!;
    await response.text();
    return session;
  }

  request(method: string, params: object = {}, id: unknown = ++this.#last) {
    return { jsonrpc: '2.0', id, method, params };
  }

  toolCall(name: string, given: object = {}, id?: unknown) {
    return this.request('tools/call', { name, arguments: given }, id ?? ++this.#last);
  }

  post(body: unknown): Promise<Response> {
    return this.#fetch(this.#url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': this.#version,
        ...(this.id !== '' && { 'mcp-session-id': this.id }),
      },
      body: JSON.stringify(body),
    });
  }

  answer(id: unknown, result: object): Promise<Response> {
    return this.post({ jsonrpc: '2.0', id, result });
  }

  cancel(requestId: unknown): Promise<Response> {
    return this.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
  }

  /** Listens for change notifications. */
  listen(): Promise<Response> {
    return this.#get({});
  }

  resume(lastEventId: string): Promise<Response> {
    return this.#get({ 'last-event-id': lastEventId });
  }

  #get(headers: Record<string, string>): Promise<Response> {
    return this.#fetch(this.#url, {
      method: 'GET',
      headers: {
        accept: 'text/event-stream',
        'mcp-protocol-version': this.#version,
        'mcp-session-id': this.id,
        ...headers,
      },
    });
  }
}
