import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';

export type HttpReply = { status: number; body: Buffer };

const CONNECTION_MILLISECONDS = 1000;
/** From the request's beginning to the answer's end. */
const EXCHANGE_MILLISECONDS = 3000;
/**
 * A page is 1 MB of items, of which numbers and nulls are up to seven times as long in JSON; a batch of 16 MB is of items
 * that are mostly text.
 */
const MOST_BYTES = 32 * 1024 * 1024;

/** An error of the kind that is worth another attempt. */
const timeout = (what: string) => Object.assign(new Error(what), { name: 'TimeoutError' });

/**
 * One request and its answer, whatever that says. Of what goes wrong on the way nothing is known but that the request may
 * have had its effect.
 */
export function sendHttpRequest(
  request: (options: RequestOptions, respond: (answer: IncomingMessage) => void) => ClientRequest,
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

    const sent = request(options, (answer) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > MOST_BYTES) fail(new Error(`The answer has more than ${MOST_BYTES} bytes`));
        else chunks.push(chunk);
      });
      // An answer that is cut off ends with an error.
      answer.on('error', fail);
      answer.on('end', () => {
        stop();
        resolve({ status: answer.statusCode!, body: Buffer.concat(chunks) });
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
