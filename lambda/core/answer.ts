import type { Caller } from './caller.ts';
import type { Context } from './context.ts';

/** One message or batch, parsed once and handed on. */
export type Exchange = { request: Request; body: unknown; caller: Caller; context: Context };

export type Answer = {
  response: Response;
  /** What must be done before the function may freeze, though the answer need not wait for it. */
  done: Promise<unknown>;
};
