import type {
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  McpServer,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from '@modelcontextprotocol/server';
import { deliverRequest, replayInitialize } from '#sdk-shortcuts';
import type { Session } from '../../sessions/session.ts';
import { jsonText } from '../json-text.ts';

/** What a server says. `of` is the request that it says it about, where it says so. */
export type ServerMessage =
  | { kind: 'response'; message: JSONRPCResponse }
  | { kind: 'notification'; message: JSONRPCNotification; of: RequestId | undefined }
  /** A request to the client. Its number counts from 0 in each run, so a run that starts over asks the same as before. */
  | { kind: 'question'; number: number; message: JSONRPCRequest; of: RequestId | undefined };

/** The client's answer to a question, as far as it is not the question's id. */
export type InputResponse = Pick<JSONRPCResponse & { result?: unknown; error?: unknown }, 'result' | 'error'>;

const REPLAYED = 'holdfast-replay';

/**
 * The SDK's end of a session of the 2025 era, for a server that is built for one run. What earlier processes were told
 * (`initialize`, the log level) is played to the server first, and questions that have been answered already are answered
 * at once, so the server cannot tell that it is not the one that the session began with.
 */
export class SessionTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: <T extends JSONRPCMessage>(message: T, extra?: MessageExtraInfo) => void;
  readonly sessionId: string;
  /** By the number of the question. */
  readonly #answers: ReadonlyMap<number, InputResponse>;
  readonly #out: (outgoing: ServerMessage) => void;
  #replayed: (() => void) | undefined;
  #server: McpServer | undefined;
  /** Requests that the server has been given and has not answered. */
  readonly #open = new Set<RequestId>();
  #hasAsked = false;
  #closed = false;

  constructor(sessionId: string, answers: ReadonlyMap<number, InputResponse>, out: (outgoing: ServerMessage) => void) {
    this.sessionId = sessionId;
    this.#answers = answers;
    this.#out = out;
  }

  async connect(server: McpServer): Promise<void> {
    this.#server = server;
    await server.connect(this);
  }

  async start(): Promise<void> {}

  /** Tells a fresh server what the session's client has said before. */
  async replay({ initialize, logLevel }: Session): Promise<void> {
    if (!initialize) return;
    if (!(this.#server && (await replayInitialize(this.#server, initialize)))) {
      await this.#repeat('initialize', initialize);
      this.onmessage?.({ jsonrpc: '2.0', method: 'notifications/initialized' });
    }
    if (logLevel !== undefined) await this.#repeat('logging/setLevel', { level: logLevel });
  }

  async #repeat(method: string, params: Record<string, unknown>): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#replayed = resolve;
    });
    this.onmessage?.({ jsonrpc: '2.0', id: REPLAYED, method, params });
    await answered;
    this.#replayed = undefined;
  }

  deliver(messages: readonly JSONRPCMessage[], extra: MessageExtraInfo): void {
    for (const message of messages) {
      if ('method' in message && 'id' in message) this.#open.add(message.id);
    }
    for (const message of messages) {
      const isTaken = this.#server && 'id' in message && deliverRequest(this.#server, message, extra);
      if (!isTaken) this.onmessage?.(message, extra);
    }
  }

  answer(number: number, answer: InputResponse): void {
    this.onmessage?.({ jsonrpc: '2.0', id: number, ...answer } as JSONRPCResponse);
  }

  /** Tells the server that nobody waits for these requests any more. */
  cancel(requests: Iterable<RequestId>): void {
    for (const requestId of requests) {
      this.onmessage?.({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
    }
  }

  async send(message: JSONRPCMessage, { relatedRequestId: of }: TransportSendOptions = {}): Promise<void> {
    if (this.#closed) {
      // The SDK does not know of every end (`close`), and would wait for an answer.
      if ('method' in message && 'id' in message) throw new Error('The run is over: nobody is there to be asked');
      return;
    }
    if (!('method' in message)) {
      if (message.id !== undefined) this.#open.delete(message.id);
      if (message.id === REPLAYED && this.#replayed) this.#replayed();
      else this.#out({ kind: 'response', message: writable(message) });
      return;
    }
    // What cannot be written fails here, where the tool hears of it.
    jsonText(message);
    if ('id' in message) {
      this.#hasAsked = true;
      const number = Number(message.id);
      const answer = this.#answers.get(number);
      if (answer) queueMicrotask(() => this.answer(number, answer));
      else this.#out({ kind: 'question', number, message, of });
    } else if (message.method !== 'notifications/cancelled') {
      this.#out({ kind: 'notification', message, of });
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // A server that has answered everything and asked nothing has nobody to tell of the end, unless the owner wants to know:
    // the SDK would make an error, with its stack, for every request there is.
    if (this.#open.size > 0 || this.#hasAsked || this.#server?.server.onclose) this.onclose?.();
  }
}

/** A result that is not JSON (it has a BigInt, or a circle) is an error: its client would wait for ever. */
function writable(message: JSONRPCResponse): JSONRPCResponse {
  try {
    jsonText(message);
    return message;
  } catch (error) {
    const { jsonrpc, id } = message;
    return {
      jsonrpc,
      id,
      error: { code: -32603, message: `The result cannot be written: ${(error as Error).message}` },
    };
  }
}
