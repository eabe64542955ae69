import { type Answer, Wire } from '../../test/support/load/http-connection.ts';
import type { lost } from '../../test/support/load/killed-processes.ts';

/** Every so manieth request gives its connection up, as clients do that come back later. */
const RECONNECTS_EVERY = 20;

/** A wire whose clients think before they ask, each as long as it happens, and now and then connect anew. */
export class ThinkingWire extends Wire {
  /** Milliseconds, on average. */
  thinking = 0;
  sent = 0;

  override async send(method: string, headers: Record<string, string>, body = ''): Promise<Answer | typeof lost> {
    // Exponential, as the times between requests of independent clients are.
    await pause(-Math.log(1 - Math.random()) * this.thinking);
    this.sent++;
    const closing: Record<string, string> = this.sent % RECONNECTS_EVERY === 0 ? { connection: 'close' } : {};
    return super.send(method, { ...headers, ...closing }, body);
  }
}

export const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
