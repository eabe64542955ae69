import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ObservedList } from './observed-list.ts';

/** Holds functions at a statement of their code until the test opens the gate. */
export class FunctionGate {
  /** The responses that functions wait for. */
  readonly arrivals = new ObservedList<ServerResponse>();
  readonly #server: Server;
  #capacity: number;

  private constructor(capacity: number) {
    this.#capacity = capacity;
    this.#server = createServer((_, response) => {
      this.arrivals.push(response);
      if (this.arrivals.items.length > this.#capacity) response.end();
    });
  }

  /** @param capacity later arrivals pass */
  static async closed(capacity = Number.POSITIVE_INFINITY): Promise<FunctionGate> {
    const gate = new FunctionGate(capacity);
    gate.#server.listen(0, '127.0.0.1');
    await once(gate.#server, 'listening');
    return gate;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** A statement for an async CommonJS handler: waits until the gate opens. */
  get statement(): string {
    return `await new Promise((opened) => require('node:http').get('${this.url}', opened));`;
  }

  /** Releases the held functions, and lets later ones pass. */
  open(): void {
    this.#capacity = 0;
    for (const response of this.arrivals.items) response.end();
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
