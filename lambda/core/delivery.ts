import type { JSONRPCMessage, JSONRPCResponse, RequestId } from '@modelcontextprotocol/server';
import { bytes, randomId } from './digest.ts';
import { Outage } from './outage.ts';
import { lease, next, type Run, type RunEvent, type RunStore } from './run.ts';
import type { Outgoing, QuestionAnswer } from './session-transport.ts';
import {
  ASK_AGAIN_MILLISECONDS,
  HEARTBEAT,
  HEARTBEAT_MILLISECONDS,
  PATIENCE_MILLISECONDS,
  primingEvent,
  sseEvent,
  sseHeaders,
  streamOf,
} from './sse.ts';

/** Events wait so long for others to be stored with; the client has them already. */
const GATHER_MILLISECONDS = 500;
const RENEW_MILLISECONDS = 5_000;
const ATTEMPTS = 5;

export type DeliveryParts = {
  store: RunStore;
  /** Epoch seconds. */
  now: () => number;
  log: (event: string, details?: Record<string, unknown>) => void;
};

/** The server's end, as far as it is told something on the way. */
type Asker = {
  answer(number: number, answer: QuestionAnswer): void;
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
  readonly response: Promise<Response>;
  /** Resolves when all is stored that has to be, and the function may freeze. */
  readonly done: Promise<void>;
  readonly #parts: DeliveryParts;
  readonly #request: () => string;
  readonly #isPrimed: boolean;
  readonly #runner = randomId();
  readonly #waiting: Set<RequestId>;
  readonly #early: JSONRPCResponse[] = [];
  readonly #unasked = new Map<number, Question>();
  readonly #asked = new Map<number, Question>();
  #settle!: (response: Response) => void;
  #resolveDone!: () => void;
  #asker: Asker | undefined;
  #run: Run;
  /** Set once it is a stream: whether the store has it. */
  #kept: Promise<boolean> | undefined;
  #client: ReadableStreamDefaultController<Uint8Array> | undefined;
  #events: number;
  /** Notifications that the client has been sent, and how many of these a run that starts over has yet to repeat. */
  #notified: number;
  #known: number;
  #unsaved: RunEvent[] = [];
  #saving: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #asking: ReturnType<typeof setTimeout> | undefined;
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  #over = false;

  /**
   * @param run as it will be stored, should it become a stream
   * @param request what a later process needs to start the run over
   * @param isPrimed whether the client knows events without data (since 2025-11-25)
   */
  constructor(parts: DeliveryParts, run: Run, request: () => string, isPrimed: boolean) {
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
  static begin(parts: DeliveryParts, run: Run, request: () => string, isPrimed: boolean): Delivery {
    const delivery = new Delivery(parts, run, request, isPrimed);
    delivery.#timers.push(setTimeout(() => delivery.stream(), PATIENCE_MILLISECONDS));
    return delivery;
  }

  /** Goes on with a run that is stored, and leased to `run.runner`. Its client will ask for what comes. */
  static goOn(parts: DeliveryParts, run: Run): Delivery {
    const delivery = new Delivery(parts, run, () => '', false);
    delivery.#kept = Promise.resolve(true);
    delivery.#renewLease();
    return delivery;
  }

  /** To be called before anything is taken. */
  attach(asker: Asker): void {
    this.#asker = asker;
  }

  take(outgoing: Outgoing): void {
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
    if (this.#kept || this.#over) return;
    this.#kept = this.#keep();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#client = controller;
      },
      cancel: () => {
        this.#client = undefined;
      },
    });
    this.#settle(new Response(body, { headers: sseHeaders }));
    this.#timers.push(setInterval(() => this.#enqueue(HEARTBEAT), HEARTBEAT_MILLISECONDS));
    if (this.#isPrimed)
      this.#write((isKept) => (isKept ? primingEvent(this.#run.id, 0, ASK_AGAIN_MILLISECONDS.dropped) : ''));
    this.#renewLease();
    for (const message of this.#early.splice(0)) this.#emit(message);
  }

  /** Ends the client's stream, though the run goes on: the client comes back for the rest. */
  endClient(): void {
    this.stream();
    this.#write(() => '', { last: true });
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

  /** Whether the client has heard nothing yet. */
  canHandOver(): boolean {
    return !this.#kept && !this.#over;
  }

  /** Gives the client over to another run. */
  handOver(events: AsyncGenerator<Uint8Array<ArrayBuffer>>): void {
    this.#over = true;
    this.#settle(new Response(streamOf(events), { headers: sseHeaders }));
    this.#save(() => this.#end());
  }

  #respond(message: JSONRPCResponse): void {
    if (!this.#waiting.delete(message.id!)) return;
    if (this.#kept) this.#emit(message);
    else if (this.#waiting.size > 0) this.#early.push(message);
    else this.#settle(Response.json(this.#early.length > 0 ? [...this.#early, message] : message));
    if (this.#waiting.size === 0) this.#finish();
    else this.#considerQuestions();
  }

  #emit(message: JSONRPCMessage): void {
    this.stream();
    const event = { number: ++this.#events, message };
    this.#unsaved.push(event);
    this.#write((isKept) => sseEvent(message, isKept ? { run: this.#run.id, number: event.number } : undefined));
    this.#gathering ??= setTimeout(() => this.#save(() => this.#flush()), GATHER_MILLISECONDS);
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
    try {
      if (!(await this.#kept)) throw new Outage('The session table', new Error('the stream could not be stored'));
      await this.#flush();
      const stops = () => {
        const waited = new Set([...this.#asked.values()].map(({ of }) => of));
        return [...this.#waiting].every((id) => waited.has(id));
      };
      const saved = await this.#update(() => ({
        open: [...this.#asked.values()].map(({ name }) => name),
        ...(stops() && { status: 'asking', runner: undefined, leaseUntil: undefined }),
      }));
      if (!saved) return;
    } catch (error) {
      if (!(error instanceof Outage)) throw error;
      this.#parts.log('question_not_asked', { message: error.message, cause: String(error.cause) });
      for (const [number] of fresh) {
        this.#asked.delete(number);
        this.#asker?.answer(number, {
          error: { code: -32603, message: `The question could not be asked: ${error.message}` },
        });
      }
      return;
    }
    const last = this.#run.status === 'asking';
    const text = events.map(({ number, message }) =>
      sseEvent(message, { run: this.#run.id, number, retryMilliseconds: ASK_AGAIN_MILLISECONDS.least }),
    );
    this.#write(() => text.join(''), { last });
    if (last) await this.#end();
  }

  #finish(): void {
    if (this.#kept) {
      this.#write(() => '', { last: true });
      this.#save(async () => {
        await this.#flush();
        if (await this.#kept) await this.#update(() => ({ status: 'done', runner: undefined, leaseUntil: undefined }));
      });
    }
    this.#over = true;
    this.#save(() => this.#end());
  }

  /** Nobody waits for the answer any more. */
  #cancel(): void {
    this.#asker?.cancel(this.#waiting);
    this.#write(() => '', { last: true });
    this.#save(() => this.#end());
  }

  async #end(): Promise<void> {
    this.#over = true;
    for (const timer of this.#timers) clearTimeout(timer);
    clearTimeout(this.#gathering);
    clearTimeout(this.#asking);
    await this.#asker?.close();
    await this.#writing;
    this.#resolveDone();
  }

  async #keep(): Promise<boolean> {
    const { store, now, log } = this.#parts;
    this.#run = { ...this.#run, ...lease(this.#runner, now()) };
    try {
      await store.createRun(this.#run, this.#request());
      return true;
    } catch (error) {
      if (!(error instanceof Outage)) throw error;
      log('stream_not_kept', { message: error.message, cause: String(error.cause) });
      return false;
    }
  }

  #renewLease(): void {
    const renew = async () => {
      if (!this.#over && (await this.#kept)) await this.#update(() => ({}));
    };
    this.#timers.push(setInterval(() => this.#save(renew), RENEW_MILLISECONDS));
  }

  /** Does one thing after another with the store. What cannot be stored now, the client has been sent all the same. */
  #save(work: () => Promise<void>): void {
    this.#saving = this.#saving.then(work).catch((error) => {
      const cause = error instanceof Outage ? error.cause : error;
      this.#parts.log('stream_not_kept', { message: String(error), cause: String(cause) });
    });
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    if (this.#unsaved.length === 0 || !(await this.#kept)) return;
    await this.#parts.store.addEvents(this.#run, this.#unsaved.splice(0));
  }

  /**
   * Saves the run as it is now. In between others may have answered a question of it, which it is told of, or cancelled it.
   * @returns false when the run is no longer ours to go on with
   */
  async #update(change: () => Partial<Run>): Promise<boolean> {
    const { store, now } = this.#parts;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const changed = next(this.#run, now(), {
        ...lease(this.#run.runner ?? this.#runner, now()),
        events: this.#events,
        notified: this.#notified,
        answered: this.#run.requests.filter((id) => !this.#waiting.has(id)),
        ...change(),
      });
      if (await store.saveRun(changed)) {
        this.#run = changed;
        return true;
      }
      const found = await store.findRun(this.#run.grant, this.#run.id);
      if (found?.status !== 'running' || found.runner !== this.#run.runner) {
        this.#cancel();
        return false;
      }
      await this.#takeAnswers(found);
    }
    throw new Outage('The session table', new Error(`the run changed ${ATTEMPTS} times during one write`));
  }

  /** Passes on the answers to questions of a run that did not have to stop for them. */
  async #takeAnswers(found: Run): Promise<void> {
    const known = this.#run.answers;
    this.#run = found;
    const fresh = Object.entries(found.answers).filter(([name]) => !Object.hasOwn(known, name));
    if (fresh.length === 0) return;
    const { answers } = await this.#parts.store.recallRun(found);
    for (const [name, stored] of fresh) {
      const text = answers.get(stored);
      if (text === undefined || !this.#asked.delete(Number(name))) continue;
      this.#asker?.answer(Number(name), JSON.parse(text));
    }
  }

  /** @param text made when it is known whether the store has the stream */
  #write(text: (isKept: boolean) => string, { last = false } = {}): void {
    this.#writing = this.#writing.then(async () => {
      this.#enqueue(text((await this.#kept) ?? false));
      if (!last) return;
      this.#client?.close();
      this.#client = undefined;
    });
  }

  #enqueue(text: string): void {
    if (text !== '') this.#client?.enqueue(bytes(text));
  }
}
