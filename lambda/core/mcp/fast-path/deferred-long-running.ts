import type { LongRunning } from '../tool-context.ts';

type Callback = Parameters<LongRunning>[0];

/** Notes the long-running tools of a server, until the SDK calls one of them. */
export class DeferredLongRunning {
  readonly #tools = new Map<
    Callback,
    { callback: Callback; options: Parameters<LongRunning>[1]; wrapped?: Callback }
  >();

  readonly wrap: LongRunning = (callback, options) => {
    const tool: { callback: Callback; options: Parameters<LongRunning>[1]; wrapped?: Callback } = { callback, options };
    const deferred = (...input: unknown[]) => tool.wrapped?.(...input);
    this.#tools.set(deferred, tool);
    return deferred as typeof callback;
  };

  get hasTools(): boolean {
    return this.#tools.size > 0;
  }

  has(callback: Callback): boolean {
    return this.#tools.has(callback);
  }

  /** Makes the tools long-running. */
  apply({ wrap }: { readonly wrap: LongRunning }): void {
    for (const tool of this.#tools.values()) tool.wrapped = wrap(tool.callback, tool.options);
  }
}
