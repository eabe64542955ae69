import type {
  JSONRPCMessage,
  JSONRPCNotification,
  JSONRPCRequest,
  JSONRPCResponse,
  MessageExtraInfo,
  RequestId,
  Transport,
  TransportSendOptions,
} from '@modelcontextprotocol/server';
import { deliverRequest, replayInitialize } from '#sdk-shortcuts';
import type { Session } from '../../sessions/session.ts';
import { jsonText } from '../json-text.ts';
import { type OwnerServer, protocolServerOf } from '../sdk/owner-server.ts';

/** A message from the server. `of` is the request that it belongs to, where the server says so. */
export type ServerMessage =
  | { kind: 'response'; message: JSONRPCResponse }
  | { kind: 'notification'; message: JSONRPCNotification; of: RequestId | undefined }
  /** A request to the client. Numbers count from 0 in each execution, so a restarted one sends the same requests. */
  | { kind: 'input-request'; number: number; message: JSONRPCRequest; of: RequestId | undefined };

/** The client's response to a request of the server, without its id. */
export type InputResponse = Pick<JSONRPCResponse & { result?: unknown; error?: unknown }, 'result' | 'error'>;

const REPLAY_ID = 'holdfast-replay';

/**
 * The SDK's end of a session of the 2025 era, for a server that is built for one execution. It first replays what earlier
 * processes received (`initialize`, the log level) and answers input requests that have a response already, so the server
 * behaves as if the session had begun with it.
 */
export class SessionTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: <T extends JSONRPCMessage>(message: T, extra?: MessageExtraInfo) => void;
  readonly sessionId: string;
  /** By number of the input request. */
  readonly #inputResponses: ReadonlyMap<number, InputResponse>;
  readonly #receive: (message: ServerMessage) => void;
  #replayed: (() => void) | undefined;
  #server: OwnerServer | undefined;
  /** Requests delivered to the server and not answered yet. */
  readonly #open = new Set<RequestId>();
  #hasRequestedInput = false;
  #closed = false;

  /** @param receive receives each message of the server, but for responses to replayed requests */
  constructor(
    sessionId: string,
    inputResponses: ReadonlyMap<number, InputResponse>,
    receive: (message: ServerMessage) => void,
  ) {
    this.sessionId = sessionId;
    this.#inputResponses = inputResponses;
    this.#receive = receive;
  }

  async connect(server: OwnerServer): Promise<void> {
    this.#server = server;
    // Both SDKs have the same interface of a transport.
    await server.connect(this as never);
  }

  async start(): Promise<void> {}

  /** Gives a new server what the session's client has sent before. */
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
    this.onmessage?.({ jsonrpc: '2.0', id: REPLAY_ID, method, params });
    await answered;
    this.#replayed = undefined;
  }

  deliver(messages: readonly JSONRPCMessage[], extra: MessageExtraInfo): void {
    for (const message of messages) {
      if ('method' in message && 'id' in message) this.#open.add(message.id);
    }
    for (const message of messages) {
      const isDelivered = this.#server !== undefined && deliverRequest(this.#server, message, extra);
      if (!isDelivered) this.onmessage?.(message, extra);
    }
  }

  /** Delivers the response to an input request that the server waits for. */
  respond(number: number, response: InputResponse): void {
    this.onmessage?.({ jsonrpc: '2.0', id: number, ...response } as JSONRPCResponse);
  }

  /** Cancels requests whose client no longer waits. */
  cancel(requests: Iterable<RequestId>): void {
    for (const requestId of requests) {
      this.onmessage?.({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
    }
  }

  async send(message: JSONRPCMessage, { relatedRequestId: of }: TransportSendOptions = {}): Promise<void> {
    if (this.#closed) {
      // The SDK is not notified of every end (`close`), and would wait for a response.
      if ('method' in message && 'id' in message) throw new Error('Request already completed; cannot elicit');
      return;
    }
    if (!('method' in message)) return this.#sendResponse(message);
    // A message that JSON cannot express fails here, in the tool that sends it.
    jsonText(message);
    if ('id' in message) this.#requestInput(message, of);
    else if (message.method !== 'notifications/cancelled') this.#receive({ kind: 'notification', message, of });
  }

  #sendResponse(message: JSONRPCResponse): void {
    if (message.id !== undefined) this.#open.delete(message.id);
    if (message.id === REPLAY_ID && this.#replayed) this.#replayed();
    else this.#receive({ kind: 'response', message: serializable(message) });
  }

  #requestInput(message: JSONRPCRequest, of: RequestId | undefined): void {
    this.#hasRequestedInput = true;
    const number = Number(message.id);
    const response = this.#inputResponses.get(number);
    if (response) queueMicrotask(() => this.respond(number, response));
    else this.#receive({ kind: 'input-request', number, message, of });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // The SDK creates an error with a stack for every close, so a server with nothing open is only notified if it asked.
    if (this.#open.size > 0 || this.#hasRequestedInput || (this.#server && protocolServerOf(this.#server).onclose))
      this.onclose?.();
  }
}

/** A result that JSON cannot express (a BigInt, a cycle) becomes an error; its client would wait forever. */
function serializable(message: JSONRPCResponse): JSONRPCResponse {
  try {
    jsonText(message);
    return message;
  } catch (error) {
    const { jsonrpc, id } = message;
    return { jsonrpc, id, error: { code: -32603, message: `Result is not valid JSON: ${(error as Error).message}` } };
  }
}
