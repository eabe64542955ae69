import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Certificate } from '../../bench/harness/certificate.ts';

/** The changes that a proxy makes. Header names are in lower case. */
export type ProxyFault = {
  /** Changes the headers of a request. */
  request?: (headers: IncomingHttpHeaders, path: string) => void;
  /** Changes the headers of a response. */
  response?: (headers: IncomingHttpHeaders, path: string) => void;
  /** Replaces the body of a response. */
  body?: (path: string) => string | undefined;
  /** Sends a response when it is complete. */
  buffers?: boolean;
};

/**
 * A proxy in front of a deployment, which clients use as their HTTP proxy (`HTTP_PROXY`): so the deployment keeps its public
 * address. With a certificate it is a TLS server in place of the deployment.
 */
export class FaultyProxy {
  fault: ProxyFault = {};
  readonly #server: Server;
  readonly #scheme: string;

  private constructor(target: string, certificate?: Certificate) {
    const create = certificate === undefined ? createServer : createTlsServer.bind(undefined, certificate);
    this.#scheme = certificate === undefined ? 'http' : 'https';
    this.#server = create((message, response) => {
      const { fault } = this;
      const { pathname, search } = new URL(message.url!, target);
      const headers = { ...message.headers };
      fault.request?.(headers, pathname);
      const { hostname, port } = new URL(headers.host === undefined ? target : `http://${headers.host}`);
      const forwarded = request({ hostname, port, method: message.method, path: `${pathname}${search}`, headers });
      message.pipe(forwarded);
      forwarded.on('error', () => response.destroy());
      response.on('close', () => forwarded.destroy());
      forwarded.on('response', async (answer) => {
        const { 'transfer-encoding': _, ...answered } = answer.headers;
        fault.response?.(answered, pathname);
        const replaced = fault.body?.(pathname);
        if (replaced !== undefined) delete answered['content-length'];
        const body = fault.buffers || replaced !== undefined ? await buffer(answer) : undefined;
        response.writeHead(answer.statusCode!, answered);
        if (body === undefined) answer.pipe(response);
        else response.end(replaced ?? body);
      });
    });
    // The client's tunnel ends here: this server answers the requests in it.
    this.#server.on('connect', (_request, socket: Socket) => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      this.#server.emit('connection', socket);
    });
  }

  /** @param target the origin to which requests without a host go */
  static async start(target: string, certificate?: Certificate): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(target, certificate);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get origin(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
