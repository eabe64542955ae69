import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The redirect URI of the sign-in: a listener on a free loopback port (RFC 8252 §7.3). */
export class SignInCallback {
  readonly url: string;
  readonly #response: Promise<URL>;
  readonly #close: () => void;

  private constructor(url: string, response: Promise<URL>, close: () => void) {
    this.url = url;
    this.#response = response;
    this.#close = close;
  }

  static async listen(): Promise<SignInCallback> {
    const { promise, resolve: receive } = Promise.withResolvers<URL>();
    const listener = createServer((request, response) => {
      const url = new URL(request.url ?? '/', 'http://127.0.0.1');
      const isCallback = url.pathname === '/callback';
      response.writeHead(isCallback ? 200 : 404, { 'content-type': 'text/plain', connection: 'close' });
      response.end(isCallback ? 'Signed in. You can close this window.\n' : 'Not found.\n');
      if (isCallback) receive(url);
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const { port } = listener.address() as AddressInfo;
    return new SignInCallback(`http://127.0.0.1:${port}/callback`, promise, () => listener.close());
  }

  /** The URL of the authorization response; undefined when the browser does not return in time, or `cancel` aborts. */
  async authorizationResponse(timeoutMilliseconds: number, cancel?: AbortSignal): Promise<URL | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, timeoutMilliseconds, undefined);
      if (cancel?.aborted) resolve(undefined);
      cancel?.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    try {
      return await Promise.race([this.#response, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#close();
  }
}
