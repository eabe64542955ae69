import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** The server that the suites connect to, because they cannot sign in. */
export type Front = {
  mcpUrl: string;
  close(): Promise<void>;
};

export type FrontOptions = {
  /** The origin of the gateway. */
  origin: string;
  accessToken: string;
  /** Forwards a response when it is complete, as a gateway without streaming. */
  buffering: boolean;
};

/**
 * Forwards every request to the gateway with an access token. A foreign `Host` and any `Origin` are unchanged, so that the
 * gateway or the function rejects them.
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
    // A client that disconnects also disconnects from the gateway.
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
      // The client or the gateway has disconnected. In the latter case the client must see a broken connection.
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

/** `Transfer-Encoding` is hop-by-hop (RFC 9112 §6.1). */
function withoutTransferEncoding({ headers }: IncomingMessage) {
  const { 'transfer-encoding': _, connection: __, ...endToEnd } = headers;
  return endToEnd;
}
