import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';

export type HttpReply = { status: number; body: Buffer };

const CONNECTION_MILLISECONDS = 1000;
/** From the start of the request to the end of the response. */
const EXCHANGE_MILLISECONDS = 3000;
/** A page is 1 MB of items, in JSON up to seven times as long (numbers, nulls); a batch of 16 MB is mostly text. */
const MOST_BYTES = 32 * 1024 * 1024;

/** Named so that `request-retries` tries again. */
const timeout = (what: string) => Object.assign(new Error(what), { name: 'TimeoutError' });

/** One request and its response of any status. After an error the request may still have had its effect. */
export function sendHttpRequest(
  request: (options: RequestOptions, respond: (response: IncomingMessage) => void) => ClientRequest,
  options: RequestOptions,
  body: Uint8Array,
): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const timers: NodeJS.Timeout[] = [];
    const stop = () => timers.forEach(clearTimeout);
    const fail = (error: Error) => {
      stop();
      reject(error);
      sent.destroy();
    };
    const failAfter = (milliseconds: number, what: string) => {
      const timer = setTimeout(() => fail(timeout(`${what} took more than ${milliseconds} ms`)), milliseconds);
      timers.push(timer);
      return timer;
    };

    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MOST_BYTES) fail(new Error(`The response has more than ${MOST_BYTES} bytes`));
        else chunks.push(chunk);
      });
      // A truncated response ends with an error.
      response.on('error', fail);
      response.on('end', () => {
        stop();
        resolve({ status: response.statusCode!, body: Buffer.concat(chunks) });
      });
    });
    sent.on('error', fail);
    failAfter(EXCHANGE_MILLISECONDS, 'The exchange');
    sent.on('socket', (socket) => {
      if (!socket.connecting) return;
      const connecting = failAfter(CONNECTION_MILLISECONDS, 'Connecting');
      socket.once('connect', () => clearTimeout(connecting));
    });
    sent.end(body);
  });
}
