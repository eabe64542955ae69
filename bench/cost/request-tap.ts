import { channel } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request to an AWS service and its response. */
export type Exchange = { service: string; operation: string; input: Json; output: Json };
// biome-ignore lint/suspicious/noExplicitAny: what goes over the wire differs by operation
export type Json = Record<string, any>;

const services: Record<string, string> = { DynamoDB_20120810: 'dynamodb', TrentService: 'kms' };

/**
 * Records the requests to the emulated services of this process, by the diagnostics channel in which Node publishes every
 * HTTP request that a server of the process receives.
 */
export class RequestTap {
  #exchanges: Exchange[] | undefined;

  constructor() {
    channel('http.server.request.start').subscribe((message) => {
      const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
      const [name = '', operation = ''] = String(request.headers['x-amz-target']).split('.');
      const service = services[name];
      const exchanges = this.#exchanges;
      if (service === undefined || exchanges === undefined) return;
      const sent: Buffer[] = [];
      request.on('data', (chunk) => sent.push(chunk));
      const { end } = response;
      response.end = ((body: unknown, ...others: never[]) => {
        exchanges.push({ service, operation, input: parsed(Buffer.concat(sent)), output: parsed(body) });
        return Reflect.apply(end, response, [body, ...others]);
      }) as typeof end;
    });
  }

  /** The requests that the work causes. */
  async during(work: () => Promise<unknown>): Promise<Exchange[]> {
    const exchanges: Exchange[] = [];
    this.#exchanges = exchanges;
    try {
      await work();
    } finally {
      this.#exchanges = undefined;
    }
    return exchanges;
  }
}

const parsed = (body: unknown): Json => JSON.parse(String(body) || '{}');
