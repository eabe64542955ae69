import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';

/** A request of the server to its client. `of` is the client's request during which it was made. */
export type InputRequest = { name: string; message: JSONRPCMessage; of: RequestId };

/** The input requests of one execution that have no response yet. */
export class PendingInputRequests {
  readonly #collected = new Map<number, InputRequest>();
  readonly #open = new Map<number, InputRequest>();

  get isEmpty(): boolean {
    return this.#collected.size + this.#open.size === 0;
  }

  add(number: number, request: InputRequest): void {
    this.#collected.set(number, request);
  }

  /** Opens those that were added since, to be sent together. */
  openCollected(): [number, InputRequest][] {
    const collected = [...this.#collected];
    this.#collected.clear();
    for (const [number, request] of collected) this.#open.set(number, request);
    return collected;
  }

  /** @returns false when it was not open */
  remove(number: number): boolean {
    return this.#open.delete(number);
  }

  openNames(): string[] {
    return [...this.#open.values()].map(({ name }) => name);
  }

  /** Whether each of the client's requests waits for input, apart from those with a stored response. */
  blockAll(requests: readonly RequestId[], answered: readonly RequestId[]): boolean {
    const waiting = new Set([...this.#open.values()].map(({ of }) => of));
    return requests.every((id) => waiting.has(id) || answered.includes(id));
  }
}
