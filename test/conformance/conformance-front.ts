import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What the suites connect to, because they cannot sign in. */
export type Front = {
  mcpUrl: string;
  close(): Promise<void>;
};

export type FrontOptions = {
  /** Where the gateway is. */
  origin: string;
  accessToken: string;
  /** Hands an answer on only when it is complete, as a gateway does that knows no streaming. */
  buffering: boolean;
};

/**
 * Passes every request on to the gateway with an access token, and is a client's own host otherwise: a foreign `Host`
 * stays foreign and any `Origin` stays as it is, so that what refuses them is the gateway or what is behind it.
 */
export async function startFront({ origin, accessToken, buffering }: FrontOptions): Promise<Front> {
  const gateway = new URL(origin);
  const agent = new Agent({ keepAlive: true });

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { hostname, port } = gateway;
    const own = incoming.headers.host === `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const headers = {
      ...incoming.headers,
      host: own ? gateway.host : incoming.headers.host,
      authorization: `Bearer ${accessToken}`,
    };
    const { method, url } = incoming;
    const onward = request({ hostname, port, agent, method, path: url, headers, setHost: false });
    // A client that leaves is gone for the gateway, too.
    outgoing.once('close', () => onward.destroy());
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      onward.once('response', resolve).once('error', reject);
    });
    incoming.pipe(onward);
    const response = await answered;
    if (buffering) {
      const body = await buffer(response);
      outgoing.writeHead(response.statusCode!, withoutTransferEncoding(response)).end(body);
    } else {
      outgoing.writeHead(response.statusCode!, withoutTransferEncoding(response));
      outgoing.flushHeaders();
      response.pipe(outgoing);
    }
  }

  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch((error: Error) => {
      // Either the client has left, or the gateway has: then the client must see a broken connection, not an answer.
      if (outgoing.destroyed) return;
      console.error(`${incoming.method} ${incoming.url}: ${error.message}`);
      outgoing.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    mcpUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      agent.destroy();
      await closed;
    },
  };
}

/** How the answer is divided on the wire is between each two neighbours (RFC 9112 §6.1). */
function withoutTransferEncoding({ headers }: IncomingMessage) {
  const { 'transfer-encoding': _, connection: __, ...kept } = headers;
  return kept;
}
