import { createServer } from 'node:net';

/** Whether the port is free on all addresses of `localhost`. Another process may take it at any time afterwards. */
export async function isFree(port: number): Promise<boolean> {
  const codes = await Promise.all(['127.0.0.1', '::1'].map((host) => listenError(port, host)));
  // A machine without IPv6 reports another error for ::1.
  return !codes.some((code) => code === 'EADDRINUSE' || code === 'EACCES');
}

/**
 * A free port below the ranges that systems use for outgoing connections (32768 and above, 49152 and above), because a
 * port of those may be taken at any moment before this process listens on it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) return port;
  }
}

function listenError(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server
      .once('error', ({ code }: NodeJS.ErrnoException) => resolve(code))
      .listen(port, host, () => server.close(() => resolve(undefined)));
  });
}
