import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type { KilledProcesses, lost } from './killed-processes.ts';

export type HttpResponse = { status: number; headers: IncomingHttpHeaders; text: string };

/**
 * Raw HTTP to one server: two hundred clients of an SDK would need more CPU time than the server under measurement.
 *
 * Connections are kept alive. Their number limits the requests in flight: further requests wait for one, in order.
 */
export class HttpConnections {
  /** The duration of each exchange from its first byte sent, without the wait for a connection. */
  readonly milliseconds: number[] = [];
  readonly #url: string;
  readonly #killed: KilledProcesses;
  readonly #agent: Agent;

  constructor(url: string, inFlight: number, killed: KilledProcesses) {
    this.#url = url;
    this.#killed = killed;
    this.#agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  }

  async send(method: string, headers: Record<string, string>, body = ''): Promise<HttpResponse | typeof lost> {
    try {
      const response = await this.#exchange(method, headers, body);
      // API Gateway answers 502 for a function that failed without a response.
      if (response.status !== 502) return response;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    }
    return this.#killed.lose();
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(method: string, headers: Record<string, string>, body: string): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      let startedAt = 0;
      const sent = request(this.#url, { method, agent: this.#agent, headers }, (response) => {
        const chunks: string[] = [];
        response.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
        response.on('error', reject).on('end', () => {
          this.milliseconds.push(performance.now() - startedAt);
          resolve({ status: response.statusCode!, headers: response.headers, text: chunks.join('') });
        });
      });
      sent.once('socket', () => {
        startedAt = performance.now();
      });
      sent.on('error', reject).end(body);
    });
  }
}
