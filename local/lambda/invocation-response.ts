import type { FunctionError } from './function-error.ts';

/** The response of one invocation, between the function that writes it and its reader. */
export class InvocationResponse {
  readonly requestId: string;
  readonly #taken: () => void;
  readonly #unread: Uint8Array[] = [];
  #ended = false;
  #failure: FunctionError | undefined;
  #abandoned = false;
  #wake: () => void = () => undefined;

  /** @param taken called when the reader has taken the last chunk */
  constructor(requestId: string, taken: () => void) {
    this.requestId = requestId;
    this.#taken = taken;
  }

  push(chunk: Uint8Array): void {
    if (this.#abandoned) this.#taken();
    else this.#unread.push(chunk);
    this.#wake();
  }

  end(failure?: FunctionError): void {
    this.#ended = true;
    this.#failure ??= failure;
    this.#wake();
  }

  /** @throws FunctionError after the chunks that the function wrote before it failed */
  async *chunks(): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) {
        const chunk = this.#unread.shift();
        if (chunk !== undefined) {
          yield chunk;
          this.#taken();
          continue;
        }
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.#abandoned = true;
      if (!this.#ended) this.#taken();
    }
  }
}
