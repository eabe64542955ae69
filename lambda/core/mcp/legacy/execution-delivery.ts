import type { JSONRPCMessage, JSONRPCResponse, RequestId } from '@modelcontextprotocol/server';
import type { Timer } from '../../support/clock.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
import type { AcceptedForms } from '../accepted-forms.ts';
import { type Execution, type ExecutionEvent, interrupted } from '../execution.ts';
import { jsonText } from '../json-text.ts';
import { McpResponse } from '../mcp-http.ts';
import { STREAM_NOT_ACCEPTED } from '../plain-error.ts';
import { primingEvent, RETRY_MILLISECONDS, readMessages, sseEvent, sseHeaders, untilLate } from '../sse.ts';
import { ClientStream } from './client-stream.ts';
import { type ExecutionOwner, ExecutionWriter, type ExecutionWriterDependencies } from './execution-writer.ts';
import { type InputRequest, PendingInputRequests } from './pending-input-requests.ts';
import type { InputResponse, ServerMessage } from './session-transport.ts';

/** The server, as far as it receives something during an execution. */
export type ExecutingServer = {
  respond(number: number, response: InputResponse): void;
  cancel(requests: Iterable<RequestId>): void;
  close(): Promise<void>;
};

type Phase =
  /** The form of the response is open. A reserved response is kept for the events of another execution. */
  | { kind: 'collecting'; responses: JSONRPCResponse[]; isReserved: boolean }
  /** Each message is an event, stored and sent. */
  | { kind: 'streaming' }
  /** Stored with open input requests. The process that receives the last response repeats what is sent from now on. */
  | { kind: 'suspended' }
  | { kind: 'ended' };

type Options = {
  /** As it is stored, should it become a stream. */
  execution: Execution;
  /** The serialized request, from which a later process starts over. */
  request: () => string;
  /** Whether the client supports priming events. */
  isPrimed: boolean;
  /** A client that accepts no stream receives neither notifications nor input requests. */
  accepts: AcceptedForms;
  /** A batch is answered by an array, also if it has one element (JSON-RPC 2.0 §6). */
  isBatch: boolean;
  /** Responses to the invalid elements of a batch. */
  rejected: JSONRPCResponse[];
  /** Epoch milliseconds at which the requests arrived. */
  arrivedAt: number;
  /** Epoch milliseconds at which the answer began, unless it begins now. */
  startedAt?: number | undefined;
  /** Called when the client turns out to have cancelled a request before the execution was stored. */
  onCancelled: () => void;
};

/**
 * Delivers what a server sends in one execution: as one JSON body if it is only the responses, otherwise as a stream of
 * events that are stored too, so that the client can resume the stream in any process. A client that accepts one of both
 * forms receives that one.
 *
 * When the server requests input and all of its requests wait for it, the execution is suspended: it is stored with its
 * input requests, the client's stream ends, and no memory is held. The process that receives the response starts over.
 */
export class ExecutionDelivery implements ExecutionOwner {
  readonly #dependencies: ExecutionWriterDependencies;
  readonly #options: Options;
  readonly #writer: ExecutionWriter;
  readonly #inputRequests = new PendingInputRequests();
  readonly #response = Promise.withResolvers<McpResponse>();
  readonly #done = Promise.withResolvers<void>();
  /** Requests of the client without a response. */
  readonly #waiting: Set<RequestId>;
  /** Notifications sent, and those of an earlier process that this one still has to repeat. */
  #notified: number;
  #repeated: number;
  #phase: Phase;
  #stream: ClientStream | undefined;
  #server: ExecutingServer | undefined;
  #lateTimer: Timer | undefined;
  #inputTimer: Timer | undefined;

  private constructor(dependencies: ExecutionWriterDependencies, options: Options, phase: Phase) {
    const { execution } = options;
    this.#dependencies = dependencies;
    this.#options = options;
    this.#writer = new ExecutionWriter(dependencies, execution, this);
    this.#waiting = new Set(execution.requests.filter((id) => !execution.answered.includes(id)));
    this.#notified = execution.notified;
    this.#repeated = execution.notified;
    this.#phase = phase;
  }

  /** Begins an execution whose client waits. */
  static begin(dependencies: ExecutionWriterDependencies, options: Options): ExecutionDelivery {
    const phase: Phase = { kind: 'collecting', responses: [...options.rejected], isReserved: false };
    const delivery = new ExecutionDelivery(dependencies, options, phase);
    const { clock } = dependencies;
    delivery.#lateTimer = clock.after(untilLate(clock, options.startedAt), () => delivery.#becomeLate());
    return delivery;
  }

  /** Continues a stored execution that `execution.runner` leases. Its client resumes the stream elsewhere. */
  static continue(dependencies: ExecutionWriterDependencies, execution: Execution): ExecutionDelivery {
    const accepts = { json: false, stream: true };
    const arrivedAt = execution.createdAt * 1000;
    const options: Options = {
      execution,
      request: () => '',
      isPrimed: false,
      accepts,
      isBatch: false,
      rejected: [],
      arrivedAt,
      // It is stored.
      onCancelled: () => undefined,
    };
    const delivery = new ExecutionDelivery(dependencies, options, { kind: 'streaming' });
    delivery.#writer.continue();
    delivery.#writer.renewLease();
    return delivery;
  }

  /** Settles when the form of the response is known. */
  get response(): Promise<McpResponse> {
    return this.#response.promise;
  }

  /** Resolves when everything is stored, and the execution environment may freeze. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** To be called before `take`. */
  attach(server: ExecutingServer): void {
    this.#server = server;
  }

  take(message: ServerMessage): void {
    if (this.isOver) return;
    switch (message.kind) {
      case 'response':
        this.#takeResponse(message.message);
        break;
      case 'notification':
        this.#takeNotification(message.message);
        break;
      case 'input-request':
        this.#takeInputRequest(message.number, message.message, message.of);
        break;
    }
  }

  /** Ends the client's stream while the execution continues: the client resumes it elsewhere. */
  endStream(): void {
    this.#startStream();
    if (this.#phase.kind === 'streaming') {
      void this.#writer.isStored().then((isStored) => isStored && this.#stream?.close());
    }
  }

  /** Answers every open request with an error, for a server that cannot. */
  fail(message: string): void {
    for (const id of [...this.#waiting]) {
      this.take({ kind: 'response', message: { jsonrpc: '2.0', id, error: { code: -32603, message } } });
    }
  }

  /** Discards an execution that could not begin. */
  async drop(): Promise<void> {
    await this.#end();
  }

  /** Keeps the response for the events of another execution. @returns false when it has begun */
  reserve(): boolean {
    if (this.#phase.kind !== 'collecting') return false;
    this.#phase.isReserved = true;
    return true;
  }

  /** Answers with the events of another execution. */
  handOver(events: AsyncGenerator<Uint8Array<ArrayBuffer>>): void {
    this.#phase = { kind: 'ended' };
    const response = new McpResponse(events, { headers: sseHeaders });
    const { accepts, isBatch } = this.#options;
    const [id] = this.#waiting;
    this.#response.resolve(
      accepts.stream ? response : responseIn(response, id).then((message) => jsonResponse([message], isBatch)),
    );
    this.#writer.enqueue(() => this.#end());
  }

  get isOver(): boolean {
    return this.#phase.kind === 'ended' || this.#phase.kind === 'suspended';
  }

  progress(): Pick<Execution, 'notified' | 'answered'> {
    const answered = this.#options.execution.requests.filter((id) => !this.#waiting.has(id));
    return { notified: this.#notified, answered };
  }

  receiveInput(number: number, response: InputResponse): void {
    if (this.#inputRequests.remove(number)) this.#server?.respond(number, response);
  }

  cancelEarly(ended: Execution): void {
    this.#options.onCancelled();
    this.lose(ended);
  }

  /** The execution was cancelled, or another process has answered its client in place of this one. */
  lose(stored: Execution | undefined): void {
    if (this.#phase.kind === 'collecting') this.#response.resolve(this.#lostResponse(this.#phase.responses, stored));
    this.#phase = { kind: 'ended' };
    this.#server?.cancel(this.#waiting);
    if (stored?.status !== 'cancelled') {
      for (const id of this.#waiting) this.#write(() => sseEvent(interrupted(id)));
    }
    this.#stream?.close();
    this.#writer.enqueue(() => this.#end());
  }

  /** The response to a client that accepts no stream. A cancelled request has none (MCP 2025-11-25, cancellation). */
  #lostResponse(responses: JSONRPCResponse[], stored: Execution | undefined): McpResponse {
    const ended = stored?.status === 'cancelled' ? [] : [...this.#waiting].map(interrupted);
    const all = [...responses, ...ended];
    return all.length > 0 ? jsonResponse(all, this.#options.isBatch) : new McpResponse(null, { status: 202 });
  }

  /** Streams, or at least stores the execution of a client that accepts no stream: it may be cancelled. */
  #becomeLate(): void {
    if (this.#options.accepts.stream) this.#startStream();
    else if (this.#phase.kind === 'collecting' && !this.#phase.isReserved) this.#store();
  }

  #store(): void {
    this.#writer.create(this.#options.request(), this.#options.arrivedAt);
  }

  #startStream(): void {
    if (this.#phase.kind !== 'collecting' || this.#phase.isReserved || !this.#options.accepts.stream) return;
    const { responses } = this.#phase;
    this.#phase = { kind: 'streaming' };
    this.#store();
    this.#stream = new ClientStream(this.#dependencies.clock);
    this.#response.resolve(this.#stream.response);
    if (this.#options.isPrimed) {
      const position = { execution: this.#options.execution.id, number: 0 };
      this.#write((isStored) => (isStored ? primingEvent(position, RETRY_MILLISECONDS.dropped) : ''));
    }
    for (const response of responses) this.#emit(response);
  }

  #takeResponse(message: JSONRPCResponse): void {
    if (!this.#waiting.delete(message.id!)) return;
    if (this.#phase.kind !== 'collecting') this.#emit(message);
    else if (this.#waiting.size > 0) this.#phase.responses.push(message);
    else this.#response.resolve(this.#completeResponse([...this.#phase.responses, message]));
    if (this.#waiting.size === 0) this.#finish();
    else this.#scheduleInputRequests();
  }

  #takeNotification(message: JSONRPCMessage): void {
    if (this.#repeated > 0) {
      this.#repeated -= 1;
      return;
    }
    this.#notified += 1;
    this.#startStream();
    if (this.#phase.kind === 'streaming') this.#emit(message);
  }

  #emit(message: JSONRPCMessage): void {
    const { number } = this.#writer.append(message);
    const { id: execution } = this.#options.execution;
    this.#write((isStored) => sseEvent(message, isStored ? { execution, number } : undefined));
  }

  #takeInputRequest(number: number, message: JSONRPCMessage, of: RequestId | undefined): void {
    if (!this.#options.accepts.stream) {
      const error = { code: -32603, message: `Elicitation failed: ${STREAM_NOT_ACCEPTED}` };
      queueMicrotask(() => this.#server?.respond(number, { error }));
      return;
    }
    const [oldest] = this.#waiting;
    this.#startStream();
    const name = String(number);
    const id = `${this.#options.execution.id}.${name}`;
    this.#inputRequests.add(number, { name, message: { ...message, id } as JSONRPCMessage, of: of ?? oldest! });
    this.#scheduleInputRequests();
  }

  /** The responses in one piece. */
  #completeResponse(responses: JSONRPCResponse[]): McpResponse {
    const { accepts, isBatch } = this.#options;
    if (accepts.json) return jsonResponse(responses, isBatch);
    return new McpResponse(responses.map((each) => sseEvent(each)).join(''), { headers: sseHeaders });
  }

  /** Sends together what the server requests at once. */
  #scheduleInputRequests(): void {
    if (this.#inputRequests.isEmpty) return;
    this.#inputTimer ??= this.#dependencies.clock.after(0, () => {
      this.#inputTimer = undefined;
      this.#writer.enqueue(() => this.#sendInputRequests());
    });
  }

  async #sendInputRequests(): Promise<void> {
    if (this.isOver) return;
    const requests = this.#inputRequests.openCollected();
    const events = requests.map(([, { message }]) => this.#writer.appendUnscheduled(message));
    const stored = this.#storeInputRequests(requests, events);
    // The client receives an input request once its response would be accepted, and later messages after it.
    this.#write(async () => ((await stored) ? events.map((event) => this.#inputEvent(event)).join('') : ''));
    await stored;
    if (this.#phase.kind !== 'suspended') return;
    this.#stream?.close();
    await this.#end();
  }

  #inputEvent({ number, message }: ExecutionEvent): string {
    const { id: execution } = this.#options.execution;
    return sseEvent(message, { execution, number, retryMilliseconds: RETRY_MILLISECONDS.least });
  }

  /** @returns whether the input requests may be sent. Those that cannot be stored fail. */
  async #storeInputRequests(requests: [number, InputRequest][], events: ExecutionEvent[]): Promise<boolean> {
    try {
      if (!(await this.#writer.isStored())) {
        throw new ServiceUnavailableError('The session table', new Error('the stream could not be stored'));
      }
      if (!(await this.#writer.flush())) return false;
      const isSaved = await this.#writer.update(() => ({
        open: this.#inputRequests.openNames(),
        ...(this.#mustSuspend() && { status: 'input-required', runner: undefined, leaseUntil: undefined }),
      }));
      if (isSaved && this.#writer.execution.status === 'input-required') this.#suspend();
      return isSaved;
    } catch (error) {
      this.#writer.logFailure('elicitation_failed', error);
      this.#writer.discard(events);
      const reason = error instanceof ServiceUnavailableError ? `: ${error.message}` : '';
      for (const [number] of requests) {
        this.#inputRequests.remove(number);
        this.#server?.respond(number, { error: { code: -32603, message: `Elicitation failed${reason}` } });
      }
      return false;
    }
  }

  #mustSuspend(): boolean {
    const { requests, answered } = this.#writer.execution;
    return this.#inputRequests.blockAll(requests, answered);
  }

  /** The process that receives the last input response repeats what the server sends from now on. */
  #suspend(): void {
    this.#phase = { kind: 'suspended' };
    this.#stream?.mute();
  }

  /** Every request has a response. */
  #finish(): void {
    if (this.#phase.kind === 'streaming' || this.#writer.hasCreated) {
      this.#stream?.close();
      this.#writer.enqueueEnd(async () => {
        if (this.#phase.kind === 'suspended') return;
        if ((await this.#writer.flush()) && (await this.#writer.isStored())) {
          await this.#writer.update(() => ({ status: 'done', runner: undefined, leaseUntil: undefined }));
        }
      });
    }
    this.#phase = { kind: 'ended' };
    this.#writer.enqueue(() => this.#end());
  }

  async #end(): Promise<void> {
    if (this.#phase.kind !== 'suspended') this.#phase = { kind: 'ended' };
    this.#lateTimer?.cancel();
    this.#inputTimer?.cancel();
    this.#stream?.stopHeartbeats();
    this.#writer.stop();
    try {
      await this.#server?.close();
    } finally {
      await this.#stream?.written;
      this.#done.resolve();
    }
  }

  /** @param text called when everything before it is written, and it is known whether the store has the execution */
  #write(text: (isStored: boolean) => string | Promise<string>): void {
    this.#stream?.write(async () => text(await this.#writer.isStored()));
  }
}

/** The response that a stream of another execution carries, for a client that accepts no stream. */
async function responseIn(stream: McpResponse, id: RequestId | undefined): Promise<JSONRPCResponse> {
  for await (const message of readMessages(stream)) if (!('method' in message)) return message as JSONRPCResponse;
  const error = { code: -32603, message: 'The task needs a client that accepts text/event-stream' };
  return { jsonrpc: '2.0', id, error };
}

/** The responses as one JSON body: an object, or an array for a batch. */
function jsonResponse(messages: JSONRPCResponse[], isBatch: boolean): McpResponse {
  const texts = messages.map(jsonText);
  const text = isBatch ? `[${texts.join()}]` : texts[0]!;
  return new McpResponse(text, { headers: { 'Content-Type': 'application/json' } });
}
