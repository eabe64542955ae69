import { type Clock, every, type Timer } from '../../support/clock.ts';
import { bytes } from '../../support/crypto.ts';
import { McpResponse } from '../mcp-http.ts';
import { HEARTBEAT, HEARTBEAT_MILLISECONDS, sseHeaders } from '../sse.ts';

/** The event stream of one response: what is written arrives in that order, with heartbeats in between. */
export class ClientStream {
  readonly response: McpResponse;
  readonly #heartbeats: Timer;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #written: Promise<void> = Promise.resolve();
  #isMuted = false;

  constructor(clock: Clock) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.#controller = undefined;
      },
    });
    this.response = new McpResponse(body, { headers: sseHeaders });
    this.#heartbeats = every(clock, HEARTBEAT_MILLISECONDS, () => this.#enqueue(HEARTBEAT));
  }

  /** Resolves when everything so far has been written. */
  get written(): Promise<void> {
    return this.#written;
  }

  /** @param text called when everything before it has been written */
  write(text: () => string | Promise<string>): void {
    this.#written = this.#written.then(async () => {
      if (!this.#isMuted) this.#enqueue(await text());
    });
  }

  /** Drops what is written from now on. */
  mute(): void {
    this.#isMuted = true;
  }

  /** Ends the stream after everything so far; the client may return for the rest. */
  close(): void {
    this.#written = this.#written.then(() => {
      this.#controller?.close();
      this.#controller = undefined;
    });
  }

  stopHeartbeats(): void {
    this.#heartbeats.cancel();
  }

  #enqueue(text: string): void {
    if (text !== '') this.#controller?.enqueue(bytes(text));
  }
}
