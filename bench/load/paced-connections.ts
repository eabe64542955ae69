import { HttpConnections, type HttpResponse } from './http-connection.ts';
import type { lost } from './killed-processes.ts';

/** The connection closes after each so many requests, as those of returning clients do. */
const REQUESTS_PER_CONNECTION = 20;

/** Connections whose clients pause before each request. */
export class PacedConnections extends HttpConnections {
  /** The mean pause in milliseconds. */
  pauseMilliseconds = 0;
  #sent = 0;

  override async send(method: string, headers: Record<string, string>, body = ''): Promise<HttpResponse | typeof lost> {
    // Exponential, as the times between requests of independent clients are.
    await pause(-Math.log(1 - Math.random()) * this.pauseMilliseconds);
    this.#sent++;
    const closing: Record<string, string> = this.#sent % REQUESTS_PER_CONNECTION === 0 ? { connection: 'close' } : {};
    return super.send(method, { ...headers, ...closing }, body);
  }
}

export const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
