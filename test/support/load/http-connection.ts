import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type { Deaths, lost } from './killed-processes.ts';

export type Answer = { status: number; headers: IncomingHttpHeaders; text: string };

/**
 * Raw HTTP to one server, because two hundred clients of an SDK would be slower than what they measure.
 *
 * Connections are kept, and there are no more of them than requests may be in flight: the others wait for one, in order.
 */
export class Wire {
  /** How long each answer took, from the first byte sent, without the wait for a connection. */
  readonly milliseconds: number[] = [];
  readonly #url: string;
  readonly #deaths: Deaths;
  readonly #agent: Agent;

  constructor(url: string, inFlight: number, deaths: Deaths) {
    this.#url = url;
    this.#deaths = deaths;
    this.#agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  }

  async send(method: string, headers: Record<string, string>, body = ''): Promise<Answer | typeof lost> {
    try {
      const answer = await this.#exchange(method, headers, body);
      // What API Gateway makes of a function that failed without an answer.
      if (answer.status !== 502) return answer;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    }
    return this.#deaths.lose();
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(method: string, headers: Record<string, string>, body: string): Promise<Answer> {
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
