import type { JSONRPCMessage, JSONRPCResponse, RequestId } from '@modelcontextprotocol/server';
import { bytes, randomId } from '../../support/crypto.ts';
import type { Logger } from '../../support/logger.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import {
  type Execution,
  type ExecutionEvent,
  type ExecutionStore,
  interrupted,
  lease,
  nextVersion,
} from '../execution.ts';
import { jsonText } from '../json-text.ts';
import { McpResponse } from '../mcp-http.ts';
import {
  HEARTBEAT,
  HEARTBEAT_MILLISECONDS,
  primingEvent,
  RETRY_MILLISECONDS,
  STREAM_AFTER_MILLISECONDS,
  sseEvent,
  sseHeaders,
} from '../sse.ts';
import type { InputResponse, ServerMessage } from './session-transport.ts';

/** Events wait so long for others to be stored with; the client has them already. */
const GATHER_MILLISECONDS = 500;
const RENEW_MILLISECONDS = 5_000;
const ATTEMPTS = 5;

export type DeliveryDependencies = {
  store: ExecutionStore;
  /** Epoch seconds. */
  now: () => number;
  log: Logger;
};

/** The server's end, as far as it is told something on the way. */
type Asker = {
  answer(number: number, answer: InputResponse): void;
  cancel(requests: Iterable<RequestId>): void;
  close(): Promise<void>;
};

type Question = { name: string; message: JSONRPCMessage; of: RequestId };

/**
 * Brings what a server says in one run to the client: as one JSON body if it is the answer and nothing else, otherwise
 * as a stream of events, which are stored as well, so that the client can take the stream up again in any process.
 *
 * When the server asks the client something and all its requests wait for that, the run stops: it is stored with its
 * questions, the client's stream ends, and nothing waits in memory. Whoever takes in the answer starts the run over.
 */
export class Delivery {
  /** Settled as soon as the form of the answer is known. */
  readonly response: Promise<McpResponse>;
  /** Resolves when all is stored that has to be, and the function may freeze. */
  readonly done: Promise<void>;
  readonly #parts: DeliveryDependencies;
  readonly #request: () => string;
  readonly #isPrimed: boolean;
  readonly #runner = randomId();
  readonly #waiting: Set<RequestId>;
  readonly #early: JSONRPCResponse[] = [];
  readonly #unasked = new Map<number, Question>();
  readonly #asked = new Map<number, Question>();
  #settle!: (response: McpResponse) => void;
  #resolveDone!: () => void;
  #asker: Asker | undefined;
  #run: Execution;
  /** Set once it is a stream: whether the store has it. */
  #kept: Promise<boolean> | undefined;
  #client: ReadableStreamDefaultController<Uint8Array> | undefined;
  #events: number;
  /** Notifications that the client has been sent, and how many of these a run that starts over has yet to repeat. */
  #notified: number;
  #known: number;
  #unsaved: ExecutionEvent[] = [];
  #saving: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #asking: ReturnType<typeof setTimeout> | undefined;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #isReserved = false;
  /** Set when the run has stopped for a question: what comes after that is said again by whoever goes on. */
  #stopped = false;
  #over = false;

  /**
   * @param run as it will be stored, should it become a stream
   * @param request what a later process needs to start the run over
   * @param isPrimed whether the client knows events without data (since 2025-11-25)
   */
  constructor(parts: DeliveryDependencies, run: Execution, request: () => string, isPrimed: boolean) {
    this.#parts = parts;
    this.#run = run;
    this.#request = request;
    this.#isPrimed = isPrimed;
    this.#events = run.events;
    this.#notified = run.notified;
    this.#known = run.notified;
    this.#waiting = new Set(run.requests.filter((id) => !run.answered.includes(id)));
    this.response = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
  }

  /** Begins a run whose client is there and waits. */
  static begin(parts: DeliveryDependencies, run: Execution, request: () => string, isPrimed: boolean): Delivery {
    const delivery = new Delivery(parts, run, request, isPrimed);
    delivery.#timers.push(setTimeout(() => delivery.stream(), STREAM_AFTER_MILLISECONDS));
    return delivery;
  }

  /** Goes on with a run that is stored, and leased to `run.runner`. Its client will ask for what comes. */
  static goOn(parts: DeliveryDependencies, run: Execution): Delivery {
    const delivery = new Delivery(parts, run, () => '', false);
    delivery.#kept = Promise.resolve(true);
    delivery.#renewLease();
    return delivery;
  }

  /** To be called before anything is taken. */
  attach(asker: Asker): void {
    this.#asker = asker;
  }

  take(outgoing: ServerMessage): void {
    if (this.#over) return;
    switch (outgoing.kind) {
      case 'response':
        this.#respond(outgoing.message);
        break;
      case 'notification':
        if (this.#known > 0) {
          this.#known -= 1;
        } else {
          this.#notified += 1;
          this.#emit(outgoing.message);
        }
        break;
      case 'question':
        this.#ask(outgoing.number, outgoing.message, outgoing.of);
        break;
    }
  }

  /** Answers as a stream from now on. */
  stream(): void {
    if (this.#kept || this.#over || this.#isReserved) return;
    this.#kept = this.#keep();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#client = controller;
      },
      cancel: () => {
        this.#client = undefined;
      },
    });
    this.#settle(new McpResponse(body, { headers: sseHeaders }));
    this.#timers.push(setInterval(() => this.#enqueue(HEARTBEAT), HEARTBEAT_MILLISECONDS));
    if (this.#isPrimed)
      this.#write((isKept) => (isKept ? primingEvent(this.#run.id, 0, RETRY_MILLISECONDS.dropped) : ''));
    this.#renewLease();
    for (const message of this.#early.splice(0)) this.#emit(message);
  }

  /** Ends the client's stream, though the run goes on: the client comes back for the rest. */
  endClient(): void {
    this.stream();
    void this.#kept?.then((isKept) => isKept && this.#close());
  }

  /** Answers whatever has not been answered, for a server that cannot. */
  fail(message: string): void {
    for (const id of [...this.#waiting]) {
      this.take({ kind: 'response', message: { jsonrpc: '2.0', id, error: { code: -32603, message } } });
    }
  }

  /** Lets go of a run that could not begin. */
  async drop(): Promise<void> {
    await this.#end();
  }

  /** Keeps the answer for a run that the client will be given over to, if it has heard nothing yet. */
  reserve(): boolean {
    this.#isReserved ||= !this.#kept && !this.#over;
    return this.#isReserved;
  }

  /** Gives the client over to another run. */
  handOver(events: AsyncGenerator<Uint8Array<ArrayBuffer>>): void {
    this.#over = true;
    this.#settle(new McpResponse(events, { headers: sseHeaders }));
    this.#save(() => this.#end());
  }

  #respond(message: JSONRPCResponse): void {
    if (!this.#waiting.delete(message.id!)) return;
    if (this.#kept) this.#emit(message);
    else if (this.#waiting.size > 0) this.#early.push(message);
    else this.#settle(jsonResponse([...this.#early, message]));
    if (this.#waiting.size === 0) this.#finish();
    else this.#considerQuestions();
  }

  #emit(message: JSONRPCMessage): void {
    this.stream();
    if (!this.#kept) return;
    const event = { number: ++this.#events, message };
    this.#unsaved.push(event);
    this.#write((isKept) => sseEvent(message, isKept ? { run: this.#run.id, number: event.number } : undefined));
    this.#gathering ??= setTimeout(() => this.#save(async () => void (await this.#flush())), GATHER_MILLISECONDS);
  }

  #ask(number: number, message: JSONRPCMessage, of: RequestId | undefined): void {
    const [oldest] = this.#waiting;
    this.stream();
    const name = String(number);
    const question = { name, message: { ...message, id: `${this.#run.id}.${name}` }, of: of ?? oldest! };
    this.#unasked.set(number, question);
    this.#considerQuestions();
  }

  /** What is asked at once is asked together. */
  #considerQuestions(): void {
    if (this.#unasked.size + this.#asked.size === 0) return;
    this.#asking ??= setTimeout(() => {
      this.#asking = undefined;
      this.#save(() => this.#putQuestions());
    });
  }

  async #putQuestions(): Promise<void> {
    if (this.#over) return;
    const fresh = [...this.#unasked];
    this.#unasked.clear();
    for (const [number, question] of fresh) this.#asked.set(number, question);
    const events = fresh.map(([, { message }]) => ({ number: ++this.#events, message }));
    this.#unsaved.push(...events);
    const stored = this.#storeQuestions(fresh, events);
    // The client hears of a question when an answer would be taken, and of what is said meanwhile after that.
    this.#write(async () => ((await stored) ? events.map((event) => this.#questionEvent(event)).join('') : ''));
    if (!(await stored) || !this.#stopped) return;
    this.#close();
    await this.#end();
  }

  #questionEvent({ number, message }: ExecutionEvent): string {
    return sseEvent(message, { run: this.#run.id, number, retryMilliseconds: RETRY_MILLISECONDS.least });
  }

  /** @returns whether the questions may be asked. Those that cannot be stored fail. */
  async #storeQuestions(fresh: [number, Question][], events: ExecutionEvent[]): Promise<boolean> {
    try {
      if (!(await this.#kept))
        throw new ServiceUnavailableError('The session table', new Error('the stream could not be stored'));
      if (!(await this.#flush())) return false;
      const saved = await this.#update(() => ({
        open: [...this.#asked.values()].map(({ name }) => name),
        ...(this.#stops() && { status: 'asking', runner: undefined, leaseUntil: undefined }),
      }));
      this.#stopped = saved && this.#run.status === 'asking';
      return saved;
    } catch (error) {
      this.#log('elicitation_failed', error);
      this.#unsaved = this.#unsaved.filter((event) => !events.includes(event));
      const message = error instanceof ServiceUnavailableError ? `: ${error.message}` : '';
      for (const [number] of fresh) {
        this.#asked.delete(number);
        this.#asker?.answer(number, { error: { code: -32603, message: `The question could not be asked${message}` } });
      }
      return false;
    }
  }

  /** Whether all requests wait for answers, but for those whose own answers are stored. */
  #stops(): boolean {
    const waited = new Set([...this.#asked.values()].map(({ of }) => of));
    return this.#run.requests.every((id) => waited.has(id) || this.#run.answered.includes(id));
  }

  #finish(): void {
    if (this.#kept) {
      this.#close();
      this.#save(async () => {
        if (!this.#stopped && (await this.#flush()) && (await this.#kept)) {
          await this.#update(() => ({ status: 'done', runner: undefined, leaseUntil: undefined }));
        }
      });
    }
    this.#over = true;
    this.#save(() => this.#end());
  }

  /** Somebody else has the run: it was cancelled, or this process has been taken for dead, and the client told so. */
  #lose(found: Execution | undefined): void {
    this.#over = true;
    this.#asker?.cancel(this.#waiting);
    if (found?.status !== 'cancelled') {
      for (const id of this.#waiting) this.#write(() => sseEvent(interrupted(id)));
    }
    this.#close();
    this.#save(() => this.#end());
  }

  async #end(): Promise<void> {
    this.#over = true;
    for (const timer of this.#timers) clearTimeout(timer);
    clearTimeout(this.#gathering);
    clearTimeout(this.#asking);
    try {
      await this.#asker?.close();
    } finally {
      await this.#writing;
      this.#resolveDone();
    }
  }

  /** Whatever keeps the stream from being stored, its client is there and is told what it has asked for. */
  async #keep(): Promise<boolean> {
    const { store, now } = this.#parts;
    this.#run = { ...this.#run, ...lease(this.#runner, now()) };
    try {
      await store.createExecution(this.#run, this.#request());
      return true;
    } catch (error) {
      this.#log('stream_store_failed', error);
      return false;
    }
  }

  #renewLease(): void {
    const renew = async () => {
      if (!this.#over && (await this.#kept) && (await this.#flush())) await this.#update(() => ({}));
    };
    this.#timers.push(setInterval(() => this.#save(renew), RENEW_MILLISECONDS));
  }

  /** Does one thing after another with the store. What cannot be stored now, the client has been sent all the same. */
  #save(work: () => Promise<void>): void {
    this.#saving = this.#saving.then(work).catch((error) => this.#log('stream_store_failed', error));
  }

  #log(event: string, error: unknown): void {
    const cause =
      error instanceof ServiceUnavailableError ? error.cause : error instanceof Error ? error.stack : undefined;
    this.#parts.log(event, { message: String(error), cause: String(cause) });
  }

  /**
   * Stores what has been said since. Only then does the run say that it was: a process that goes on with it, or gives it
   * up, finds each event that it counts.
   *
   * @returns false when the run is no longer ours
   */
  async #flush(): Promise<boolean> {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    if (this.#unsaved.length === 0 || !(await this.#kept)) return true;
    // A lease that has run out may be another's by now.
    const { leaseUntil = 0, requests } = this.#run;
    if (leaseUntil <= this.#parts.now() && !(await this.#update(() => ({})))) return false;
    const events = [...this.#unsaved];
    const notified = this.#notified;
    const answered = requests.filter((id) => !this.#waiting.has(id));
    await this.#parts.store.addEvents(this.#run, events);
    this.#unsaved = this.#unsaved.filter((event) => !events.includes(event));
    this.#run = { ...this.#run, events: events.at(-1)!.number, notified, answered };
    return true;
  }

  /**
   * Saves the run as it is now. In between others may have answered a question of it, which it is told of, or cancelled it.
   * @returns false when the run is no longer ours to go on with
   */
  async #update(change: () => Partial<Execution>): Promise<boolean> {
    const { store, now } = this.#parts;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const changed = nextVersion(this.#run, now(), {
        ...lease(this.#run.runner ?? this.#runner, now()),
        ...change(),
      });
      if (await store.saveExecution(changed)) {
        this.#run = changed;
        return true;
      }
      const found = await store.findExecution(this.#run.grant, this.#run.id);
      if (found?.status !== 'running' || found.runner !== this.#run.runner) {
        this.#lose(found);
        return false;
      }
      await this.#takeAnswers(found);
    }
    throw new ServiceUnavailableError(
      'The session table',
      new Error(`the run changed ${ATTEMPTS} times during one write`),
    );
  }

  /** Passes on the answers to questions of a run that did not have to stop for them. */
  async #takeAnswers(found: Execution): Promise<void> {
    const fresh = Object.entries(found.answers).filter(([name]) => !Object.hasOwn(this.#run.answers, name));
    const stored = fresh.length > 0 ? (await this.#parts.store.loadRequest(found)).answers : undefined;
    const { version, open, answers } = found;
    this.#run = { ...this.#run, version, open, answers };
    for (const [name, key] of fresh) {
      const text = stored?.get(key);
      if (text !== undefined && this.#asked.delete(Number(name))) this.#asker?.answer(Number(name), JSON.parse(text));
    }
  }

  /** @param text made when all before it has been written, and it is known whether the store has the stream */
  #write(text: (isKept: boolean) => string | Promise<string>): void {
    this.#writing = this.#writing.then(async () => {
      if (!this.#stopped) this.#enqueue(await text((await this.#kept) ?? false));
    });
  }

  /** Ends the client's stream behind what has been written. */
  #close(): void {
    this.#writing = this.#writing.then(() => {
      this.#client?.close();
      this.#client = undefined;
    });
  }

  #enqueue(text: string): void {
    if (text !== '') this.#client?.enqueue(bytes(text));
  }
}

/** One answer, or those of a batch. */
function jsonResponse(messages: JSONRPCResponse[]): McpResponse {
  const texts = messages.map(jsonText);
  const text = texts.length === 1 ? texts[0]! : `[${texts.join()}]`;
  return new McpResponse(text, { headers: { 'Content-Type': 'application/json' } });
}
