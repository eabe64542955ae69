import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type LoopbackServer = { port: number; close(): Promise<void> };

/**
 * Listens on all addresses of `localhost`: 127.0.0.1, and ::1 if the machine has it.
 *
 * @param port 0 for any free port
 * @throws Error with `code` EADDRINUSE if either is in use
 */
export async function listenOnLoopback(
  port: number,
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<LoopbackServer> {
  const open = (host: string, at: number) =>
    new Promise<Server>((resolve, reject) => {
      const server = createServer(handler);
      server.once('error', reject).listen(at, host, () => resolve(server));
    });
  const ipv4 = await open('127.0.0.1', port);
  const chosen = (ipv4.address() as AddressInfo).port;
  const servers = [ipv4];
  try {
    servers.push(await open('::1', chosen));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') {
      await stop(ipv4);
      throw error;
    }
  }
  return { port: chosen, close: async () => void (await Promise.all(servers.map(stop))) };
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
