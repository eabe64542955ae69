import {
  type AuthInfo,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResponse,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCRequest,
  type JSONRPCResponse,
  type McpServer,
  type RequestId,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import type { Session, SessionPreferences } from '../../sessions/session.ts';
import { bytes, randomId } from '../../support/crypto.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import { type ChangeNotifications, changeIn, isSubscribed, notificationOf } from '../change-notifications.ts';
import { isRequest } from '../era.ts';
import {
  acceptInput,
  type Execution,
  type ExecutionEvent,
  interrupted,
  isAbandoned,
  isLiveExecution,
  newExecution,
  nextVersion,
  wantsWorker,
} from '../execution.ts';
import { rpcError } from '../json-rpc-error.ts';
import type { McpExchange, PendingResponse } from '../mcp-exchange.ts';
import { type McpRequest, McpResponse, platformRequest } from '../mcp-http.ts';
import {
  type EventPosition,
  HEARTBEAT,
  HEARTBEAT_MILLISECONDS,
  primingEvent,
  RETRY_MILLISECONDS,
  sseEvent,
  sseHeaders,
} from '../sse.ts';
import { restoreRequest, serializeRequest } from '../stored-request.ts';
import { overriddenResponse, pendingResult } from '../tasks/long-running-tools.ts';
import type { WorkerStarter } from '../tasks/tasks.ts';
import { Delivery, type DeliveryDependencies } from './execution-delivery.ts';
import { type InputResponse, type ServerMessage, SessionTransport } from './session-transport.ts';

/** How long a run can be taken up again after it began. An answer to its questions comes no later. */
const RUN_SECONDS = 3600;
/** A client that takes up a stream is sent what comes for so long; then it asks again. */
const FOLLOW_SECONDS = 20;
const FOLLOW_PAUSE_MILLISECONDS = { least: 100, most: 1_000 };
/** As the SDK has it. */
const LARGEST_BATCH = 100;
const LONGEST_ID = 256;
const ATTEMPTS = 5;

type LegacyDependencies = DeliveryDependencies & {
  starter: WorkerStarter;
  changes: ChangeNotifications;
  /** How long a request may wait for a long tool. */
  holdSeconds: number;
  /** The owner's server for one run. */
  open: (exchange: McpExchange) => Promise<McpServer>;
  /** What of the client's wishes has to be known when its next request comes. */
  note: (session: Session, notes: SessionPreferences) => Promise<void>;
};

/** The requests of the 2025 era, each answered by a server of its own that knows what its session has been told before. */
export class LegacyRequests {
  readonly #parts: LegacyDependencies;

  constructor(parts: LegacyDependencies) {
    this.#parts = parts;
  }

  /** Answers one message or a batch. */
  async post(exchange: McpExchange): Promise<PendingResponse> {
    const { session } = exchange;
    const messages = [exchange.body].flat() as JSONRPCMessage[];
    const wrong = wrongRequest(exchange.request, messages);
    if (wrong) return settled(wrong);
    // Each is one of the three, or has been refused: what members it has tells which.
    const requests: JSONRPCRequest[] = [];
    const responses: JSONRPCResponse[] = [];
    const cancelled: JSONRPCNotification[] = [];
    const told: JSONRPCMessage[] = [];
    for (const message of messages) {
      if (!('method' in message)) responses.push(message);
      else if (!('id' in message) && message.method === 'notifications/cancelled') cancelled.push(message);
      else told.push(message);
      if ('method' in message && 'id' in message) requests.push(message);
    }
    // Whatever becomes of the rest, runs that go on by now have to be waited for.
    const goingOn: Promise<unknown>[] = [];
    try {
      const taken = await Promise.all(
        responses.map((response) => this.#takeAnswer(exchange, session, response, goingOn)),
      );
      const refused = taken.find((answer) => answer !== undefined);
      for (const { params } of cancelled) await this.#cancel(session, params?.requestId as RequestId | undefined);
      const answer =
        requests.length > 0
          ? await this.#run(exchange, session, requests, told)
          : await this.#tell(exchange, session, told);
      const response = requests.length === 0 && refused ? refused : answer.response;
      return { response, done: Promise.all([answer.done, ...goingOn]) };
    } catch (error) {
      await Promise.all(goingOn);
      throw error;
    }
  }

  /** Goes on with a stream after the event that the client has seen last. */
  async resume(session: Session, { run: id, number }: EventPosition): Promise<PendingResponse> {
    const run = await this.#find(session, id);
    if (!run) {
      return settled(rpcError(404, -32001, 'Stream not found: it has expired, or is another session’s'));
    }
    const { now, holdSeconds } = this.#parts;
    const [as] = run.requests;
    if (run.kind === 'stream' || as === undefined) return streaming(this.#follow(run, number, now() + FOLLOW_SECONDS));
    // It still waits for the long tool that it called. Having answered a question, it has begun to wait anew.
    const since = Object.keys(run.answers).length > 0 ? now() : run.createdAt;
    return streaming(this.#follow(run, number, since + holdSeconds, { session, as, late: pendingResult(run.id) }));
  }

  async #run(
    exchange: McpExchange,
    session: Session,
    requests: JSONRPCRequest[],
    messages: JSONRPCMessage[],
  ): Promise<PendingResponse> {
    const { now } = this.#parts;
    const ids = requests.map(({ id }) => id);
    const run = newExecution(session.grant, session.id, 'stream', ids, now(), RUN_SECONDS);
    const delivery = Delivery.begin(this.#parts, run, () => serializeRequest(exchange), isPrimed(session));
    const take = (outgoing: ServerMessage) => {
      // Whoever is told that its wish is known can rely on it with its next request.
      const noted = outgoing.kind === 'response' ? this.#noted(session, requests, outgoing.message) : undefined;
      if (noted) void noted.then(() => delivery.take(outgoing));
      else delivery.take(outgoing);
    };
    const served: McpExchange = {
      ...exchange,
      reserve: () => requests.length === 1 && delivery.reserve(),
      hold: (held, as, late) => {
        delivery.handOver(this.#follow(held, 0, now() + this.#parts.holdSeconds, { session, as, late }));
        return new Promise<never>(() => undefined);
      },
    };
    try {
      await this.#serve(served, messages, delivery, new Map(), take);
    } catch (error) {
      await delivery.drop();
      throw error;
    }
    const response = await delivery.response;
    return { response, done: delivery.done };
  }

  /** Has a server that is built for it take in the messages. */
  async #serve(
    exchange: McpExchange,
    messages: JSONRPCMessage[],
    delivery: Delivery,
    answers: ReadonlyMap<number, InputResponse>,
    take: (outgoing: ServerMessage) => void = (outgoing) => delivery.take(outgoing),
  ): Promise<void> {
    const { session, request } = exchange;
    const transport = new SessionTransport(session.id, answers, (outgoing) => {
      if (outgoing.kind === 'notification' && this.publish(exchange, outgoing.message)) return;
      if (outgoing.kind !== 'response') return take(outgoing);
      const response = { ...outgoing, message: overriddenResponse(exchange, outgoing.message) as JSONRPCResponse };
      exchange.recording.answered(exchange, response.message);
      if (exchange.published) void exchange.published.then(() => take(response));
      else take(response);
    });
    delivery.attach(transport);
    await this.#connect(exchange, transport);
    if (!messages.some((message) => 'method' in message && message.method === 'initialize')) {
      await transport.replay(session);
    }
    transport.deliver(messages, {
      authInfo: authInfo(exchange),
      request: platformRequest(request),
      ...(isPrimed(session) && { closeSSEStream: () => delivery.endClient() }),
    });
  }

  /**
   * Publishes the change that a message tells of, for the clients of this user that listen.
   * @returns whether it does tell of one
   */
  publish(exchange: McpExchange, message: JSONRPCNotification): boolean {
    const change = changeIn(message);
    if (!change) return false;
    const { changes, log } = this.#parts;
    const published = changes.publish(exchange.context.user.key, change).catch((error) => {
      log('change_publish_failed', { message: String(error) });
    });
    exchange.published = Promise.all([exchange.published, published]).then(() => undefined);
    return true;
  }

  /** Tells a client of the 2025 era of the user's changes, until it has been held for long enough. */
  async listen(exchange: McpExchange): Promise<PendingResponse> {
    const { changes, open } = this.#parts;
    const { context, session } = exchange;
    const capabilities = (await open(exchange)).server.getCapabilities();
    async function* events(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
      yield bytes(HEARTBEAT);
      for await (const change of changes.follow(context.user.key, session.id)) {
        if (change === undefined) yield bytes(HEARTBEAT);
        else if (isSubscribed(change, capabilities, session.subscriptions))
          yield bytes(sseEvent(notificationOf(change)));
      }
    }
    return settled(new McpResponse(events(), { headers: sseHeaders }));
  }

  async #connect(exchange: McpExchange, transport: SessionTransport): Promise<void> {
    const server = await this.#parts.open(exchange);
    transport.onerror = (error) => this.#parts.log('mcp_request_rejected', { message: error.message });
    await transport.connect(server);
  }

  /** Notifications are answered by nothing. */
  async #tell(exchange: McpExchange, session: Session, notifications: JSONRPCMessage[]): Promise<PendingResponse> {
    if (notifications.length === 0) return accepted();
    const transport = new SessionTransport(session.id, new Map(), () => undefined);
    await this.#connect(exchange, transport);
    await transport.replay(session);
    transport.deliver(notifications, { authInfo: authInfo(exchange), request: platformRequest(exchange.request) });
    // The SDK passes them on in its own time. Questions that they lead to have nobody to ask.
    const told = new Promise((resolve) => setTimeout(resolve)).then(() => transport.close());
    return accepted(told);
  }

  /** Ends the run of a request whose client no longer wants it. Whoever is at work on it finds out by its lease. */
  async #cancel(session: Session, request: RequestId | undefined): Promise<void> {
    if (request === undefined) return;
    const { store, now } = this.#parts;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const runs = await store.executionsOf(session.grant);
      const run = runs.find(
        ({ session: of, requests, status }) =>
          of === session.id && requests.includes(request) && (status === 'running' || status === 'asking'),
      );
      if (!run || (await store.saveExecution(nextVersion(run, now(), { status: 'cancelled', open: [] })))) return;
    }
  }

  /** What the server has agreed to and a later process has to know. */
  #noted(session: Session, requests: JSONRPCRequest[], response: JSONRPCResponse): Promise<void> | undefined {
    const request = requests.find(({ id }) => id === response.id);
    const notes = request && 'result' in response ? notesOf(request) : undefined;
    if (!notes) return undefined;
    return this.#parts.note(session, notes).catch((error) => {
      this.#parts.log('session_preferences_failed', { message: String(error) });
    });
  }

  /**
   * Takes in the client's answer to a question, and goes on with the run if it was the last one.
   *
   * @param goingOn takes the work that has begun
   * @returns the refusal of an answer that nobody waits for
   */
  async #takeAnswer(
    exchange: McpExchange,
    session: Session,
    response: JSONRPCResponse,
    goingOn: Promise<unknown>[],
  ): Promise<McpResponse | undefined> {
    const { store, starter, now } = this.#parts;
    const [, id, question] = /^([A-Za-z0-9_-]{22})\.(\d{1,9})$/.exec(String(response.id)) ?? [];
    let run = id === undefined ? undefined : await store.findExecution(session.grant, id);
    if (!isLiveExecution(run, now()) || !mayAnswer(session, run) || question === undefined || !isAsked(run, question)) {
      return rpcError(400, -32600, 'This answers no question of this session, or the question has expired');
    }
    const job = { grant: run.grant, run: run.id };
    if (!run.open.includes(question)) {
      // The answer is known, and the worker could perhaps not be started with it.
      if (wantsWorker(run)) await starter.start(job);
      return undefined;
    }
    const name = randomId();
    const { jsonrpc, id: _, ...answer } = response;
    await store.addAnswer(run, name, JSON.stringify(answer));
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const goesOn = run.status === 'asking';
      const answered = acceptInput(run, question, name, randomId(), now());
      if (!answered) return undefined;
      if (await store.saveExecution(answered)) {
        if (!goesOn || answered.status !== 'running') return undefined;
        if (answered.kind === 'stream') goingOn.push(this.#goOn(exchange, answered));
        else await starter.start(job);
        return undefined;
      }
      run = await store.findExecution(session.grant, run.id);
      if (!run) return undefined;
    }
    throw new ServiceUnavailableError(
      'The session table',
      new Error(`the run changed ${ATTEMPTS} times during one answer`),
    );
  }

  /** Does the run of a long tool, or goes on with it when its questions have been answered. */
  async work(exchange: McpExchange, run: Execution, milliseconds: number): Promise<void> {
    if (run.attempts === 1) return this.#goOn(exchange, run, milliseconds);
    // The process before died, perhaps after it had stored events that the run does not know of.
    const stored = await this.#parts.store.eventsAfter(run, run.events);
    const events = stored.at(-1)?.number ?? run.events;
    const notified = run.notified + stored.filter(({ message }) => isNotification(message)).length;
    return this.#goOn(exchange, { ...run, events, notified }, milliseconds);
  }

  /** Starts a run over with the answers it has. */
  async #goOn(exchange: McpExchange, run: Execution, milliseconds?: number): Promise<void> {
    const delivery = Delivery.goOn(this.#parts, run);
    let served = { ...exchange, body: undefined as unknown, recording: exchange.recording.of(run) };
    const fail = () => {
      served.recording.failed(served, { outcome: 'timed-out', code: -32603 });
      delivery.fail('This took longer than it may');
    };
    const late = milliseconds === undefined ? undefined : setTimeout(fail, milliseconds);
    try {
      const { request: kept, answers } = await this.#parts.store.loadRequest(run);
      const { request, body } = restoreRequest(kept);
      const messages = ([body].flat() as JSONRPCMessage[]).filter(
        (message) => isJSONRPCRequest(message) && !run.answered.includes(message.id),
      );
      const known = new Map(
        Object.entries(run.answers).map(([name, stored]) => [Number(name), read(answers.get(stored))] as const),
      );
      served = { ...served, request, body: messages };
      await this.#serve(served, messages, delivery, known);
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#parts.log('execution_failed', { error: text });
      served.recording.failed(served, { outcome: 'protocol-error', code: -32603 });
      delivery.fail(error instanceof ServiceUnavailableError ? error.message : 'Internal server error');
    }
    await delivery.done;
    clearTimeout(late);
  }

  /** The run, if it is this session's and has not expired. */
  async #find(session: Session, id: string): Promise<Execution | undefined> {
    const run = await this.#parts.store.findExecution(session.grant, id);
    return isLiveExecution(run, this.#parts.now()) && run.session === session.id ? run : undefined;
  }

  /**
   * The events of a run after one of them, as they come, until the run has ended or it is time to ask again.
   *
   * @param hold the request that waits for the run, and the result it is given when that takes too long
   */
  async *#follow(
    begun: Execution,
    after: number,
    until: number,
    hold?: { session: Session; as: RequestId; late: object },
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
    const { store, now, log } = this.#parts;
    // A request that waits for an earlier one's run cannot come back for it under the run's own event ids.
    const isOwn = !hold || (begun.session === hold.session.id && begun.requests.includes(hold.as));
    let quietSince = now();
    let pause = FOLLOW_PAUSE_MILLISECONDS.least;
    let last = after;
    try {
      if (hold && isOwn && after === 0 && isPrimed(hold.session)) {
        yield bytes(primingEvent(begun.id, 0, RETRY_MILLISECONDS.dropped));
      }
      for (;;) {
        // The run first: what it says of its events holds for those that are read after it.
        const found = await store.findExecution(begun.grant, begun.id);
        if (!isLiveExecution(found, now())) {
          if (hold) yield bytes(sseEvent(ended(hold.as, 'The task has expired')));
          return undefined;
        }
        const events = await store.eventsAfter(found, last);
        const newest = events.at(-1)?.number ?? last;
        const isDead = found.kind === 'stream' && isAbandoned(found, now());
        const run = isDead ? await this.#giveUp(found, newest) : found;
        for (const { number, message } of events) {
          const question = questionIn(message);
          // It is being asked at this moment: an answer would come too early.
          if (question !== undefined && number > run.events) break;
          last = number;
          const event = isOwn ? sseEvent(message, { run: run.id, number }) : eventFor(hold!.as, message, run);
          if (event === undefined || (question !== undefined && !isAsked(run, question))) continue;
          quietSince = now();
          pause = FOLLOW_PAUSE_MILLISECONDS.least;
          yield bytes(event);
        }
        if (isDead) continue;
        if (run.status === 'cancelled' && !isOwn) yield bytes(sseEvent(ended(hold!.as, 'The task was cancelled')));
        if (run.status === 'done' || run.status === 'cancelled') return undefined;
        if (isOwn && run.status === 'asking') {
          yield bytes(primingEvent(run.id, last, askAgain(run, now())));
          return undefined;
        }
        if (now() >= until) {
          yield bytes(
            hold === undefined
              ? primingEvent(run.id, last, askAgain(run, now()))
              : sseEvent({ jsonrpc: '2.0', id: hold.as, result: hold.late }),
          );
          return undefined;
        }
        if (now() - quietSince >= HEARTBEAT_MILLISECONDS / 1000) {
          yield bytes(HEARTBEAT);
          quietSince = now();
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(pause * 1.5, FOLLOW_PAUSE_MILLISECONDS.most);
      }
    } catch (error) {
      // The answer has begun, so it can only stop: the client comes back with what it has seen last.
      if (!(error instanceof ServiceUnavailableError)) throw error;
      log('service_unavailable', { message: error.message, cause: String(error.cause) });
      return undefined;
    }
  }

  /**
   * Answers the requests of a run whose process has died. How far it came nobody knows, so it is not started over.
   *
   * @param last number of the newest event that is stored, or that its client has seen
   */
  async #giveUp(run: Execution, last: number): Promise<Execution> {
    const { store, now } = this.#parts;
    const unanswered = run.requests.filter((id) => !run.answered.includes(id));
    const events: ExecutionEvent[] = unanswered.map((id, index) => ({
      number: last + 1 + index,
      message: interrupted(id),
    }));
    if (events.length > 0) await store.addEvents(run, events);
    const ended = nextVersion(run, now(), { status: 'done', events: last + events.length, open: [] });
    return (await store.saveExecution(ended)) ? ended : ((await store.findExecution(run.grant, run.id)) ?? ended);
  }
}

/** How soon to ask again what has come of a run. */
function askAgain({ status, updatedAt }: Execution, now: number): number {
  const { least, most } = RETRY_MILLISECONDS;
  return status === 'asking' ? Math.min(Math.max(least, (now - updatedAt) * 100), most) : least;
}

/** A message of a run, as an event for another request that waits for it. */
function eventFor(as: RequestId, message: object, { open }: Execution): string | undefined {
  const { method } = message as { method?: string };
  if (method === undefined) return sseEvent({ ...message, id: as });
  // What it has asked and nobody has answered is asked once more; what it has reported belongs to the earlier request.
  const question = questionIn(message);
  return question !== undefined && open.includes(question) ? sseEvent(message) : undefined;
}

/** The question that an event asks, if it asks one. */
function questionIn(message: unknown): string | undefined {
  const { method, id } = message as { method?: string; id?: RequestId };
  return method === undefined || id === undefined ? undefined : String(id).split('.')[1];
}

/** The session whose client was asked, or any of the grant that waits for the same long tool. */
const mayAnswer = (session: Session, run: Execution) => run.kind === 'task' || run.session === session.id;

const ended = (id: RequestId, message: string) => ({ jsonrpc: '2.0', id, error: { code: -32603, message } });

const isNotification = (message: unknown) => 'method' in (message as object) && !('id' in (message as object));

const isAsked = (run: Execution, question: string) =>
  run.open.includes(question) || Object.hasOwn(run.answers, question);

const read = (text: string | undefined): InputResponse => {
  if (text === undefined) throw new Error('An answer that was taken in is not in the store');
  return JSON.parse(text);
};

const versionOf = ({ initialize }: Session) => initialize?.protocolVersion ?? '';

/** What is wrong with a request, before anything of it is done (MCP 2025-11-25, Streamable HTTP, sending messages). */
function wrongRequest({ headers }: McpRequest, messages: JSONRPCMessage[]): McpResponse | undefined {
  const accept = headers.get('accept') ?? '';
  if (!accept.includes('application/json') || !accept.includes('text/event-stream')) {
    return rpcError(406, -32000, 'Not Acceptable: Accept must list application/json and text/event-stream');
  }
  const version = headers.get('mcp-protocol-version');
  if (version !== null && !SUPPORTED_PROTOCOL_VERSIONS.includes(version)) {
    const supported = SUPPORTED_PROTOCOL_VERSIONS.join(', ');
    return rpcError(400, -32000, `Bad Request: Unsupported protocol version (supported versions: ${supported})`);
  }
  if (messages.length > LARGEST_BATCH) {
    return rpcError(400, -32600, `Invalid Request: a batch may have ${LARGEST_BATCH} messages at most`);
  }
  if (!messages.every((each) => isRequest(each) || isJSONRPCNotification(each) || isJSONRPCResponse(each))) {
    return rpcError(400, -32600, 'Invalid Request: the body is no JSON-RPC message');
  }
  const ids = messages.flatMap((message) => ('method' in message && 'id' in message ? [message.id] : []));
  if (new Set(ids).size < ids.length || ids.some((id) => String(id).length > LONGEST_ID)) {
    return rpcError(400, -32600, `Invalid Request: ids must differ, and have ${LONGEST_ID} characters at most`);
  }
  return undefined;
}

function notesOf({ method, params }: JSONRPCRequest): SessionPreferences | undefined {
  switch (method) {
    case 'logging/setLevel':
      return { logLevel: String(params?.level) };
    case 'resources/subscribe':
      return isShort(params?.uri) ? { subscribed: params.uri } : undefined;
    case 'resources/unsubscribe':
      return isShort(params?.uri) ? { unsubscribed: params.uri } : undefined;
    default:
      return undefined;
  }
}

/** A session is a small item: nobody is told of changes to what has a longer name. */
const isShort = (uri: unknown): uri is string => typeof uri === 'string' && uri.length <= 1024;

/** The SDK's own place for what is known of the caller. The client's token is not in it: no tool may pass that on. */
export function authInfo({ caller: { client, scopes, expiresAt }, context }: McpExchange): AuthInfo {
  return { token: '', clientId: client, scopes, expiresAt, extra: { context } };
}

/** Whether the client knows events without data, and comes back for a stream that ends early. */
const isPrimed = (session: Session) => versionOf(session) >= '2025-11-25';

const streaming = (events: AsyncGenerator<Uint8Array<ArrayBuffer>>): PendingResponse =>
  settled(new McpResponse(events, { headers: sseHeaders }));

const settled = (response: McpResponse): PendingResponse => ({ response, done: Promise.resolve() });

const accepted = (done: Promise<unknown> = Promise.resolve()): PendingResponse => ({
  response: new McpResponse(null, { status: 202 }),
  done,
});
