import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/**
 * A proxy before a DynamoDB that loses the response to each successful conditional write once: the repetition by the client
 * meets the effect of its first attempt.
 */
export class LosingProxy {
  readonly isLosing = true;
  readonly #target: URL;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server: Server;
  readonly #known = new Set<string>();

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer(async (message, response) => {
      const { socket } = message;
      const sent = await buffer(message);
      const answer = await this.#forward(message, sent);
      const body = await buffer(answer);
      if (answer.statusCode === 200 && this.#isFirst(sent.toString())) {
        socket.destroy();
        return;
      }
      const { 'transfer-encoding': _, ...headers } = answer.headers;
      response.writeHead(answer.statusCode!, { ...headers, 'content-length': body.length }).end(body);
    });
  }

  /** @param target the endpoint of the DynamoDB */
  static async start(target: string): Promise<LosingProxy> {
    const proxy = new LosingProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }

  async #forward({ method, headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const { hostname, port } = this.#target;
    const forwarded = request({ agent: this.#agent, hostname, port, method, headers });
    forwarded.end(body);
    const [answer] = await once(forwarded, 'response');
    return answer;
  }

  /** A transaction has a token, by which all of its attempts are equal. */
  #isFirst(body: string): boolean {
    if (!body.includes('"ConditionExpression"') || this.#known.has(body)) return false;
    this.#known.add(body);
    return true;
  }
}
