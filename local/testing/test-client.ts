import type { Client, ClientCapabilities, ElicitRequest, ElicitResult } from '@modelcontextprotocol/client';

export type ConnectOptions = {
  /**
   * The protocol of the client: `modern` is 2026-07-28, `legacy` 2025-11-25 with `initialize`.
   * @default 'modern'
   */
  era?: 'modern' | 'legacy' | undefined;
  /**
   * The user name, in lower case. Each name is another user.
   * @default 'ada'
   */
  user?: string | undefined;
  /**
   * The groups of the user at the identity provider.
   * @default - none; in the emulator those of its user, if it has one of this name
   */
  groups?: string[] | undefined;
  /**
   * The scopes that the client requests.
   * @default the first scope of the server
   */
  scopes?: string[] | undefined;
  /**
   * Answers the elicitations of tools, as the user would.
   * @default the client does not support elicitation
   */
  elicit?: ((request: ElicitRequest['params']) => ElicitResult | Promise<ElicitResult>) | undefined;
  /**
   * Further capabilities of the client, such as `{ sampling: {} }`; `client.setRequestHandler` has their handlers.
   * @default none
   */
  capabilities?: ClientCapabilities | undefined;
};

/** A server under test. `await using` closes it. */
export interface TestServer extends AsyncDisposable {
  /** The MCP endpoint. That of a server in the process is reached by `connect` alone. */
  readonly mcpUrl: string;
  /**
   * Signs a user in and connects a client of the MCP SDK v2. Each call is another sign-in, with another grant.
   * @throws Error without the package `@modelcontextprotocol/client`
   */
  connect(options?: ConnectOptions): Promise<Client>;
  /** Closes the server and its clients. */
  close(): Promise<void>;
}

/** The clients of a server under test. */
export class TestClients {
  readonly #open: Client[] = [];

  /** @param fetch sends requests as the signed-in user */
  async connect(
    mcpUrl: string,
    fetch: (url: string | URL, init?: RequestInit) => Promise<Response>,
    { era = 'modern', elicit, capabilities }: ConnectOptions,
  ): Promise<Client> {
    const { Client, StreamableHTTPClientTransport } = await loadSdk();
    const client = new Client(
      { name: 'holdfast-testing', version: '1.0.0' },
      {
        capabilities: { ...(elicit && { elicitation: { form: {}, url: {} } }), ...capabilities },
        versionNegotiation: { mode: era === 'legacy' ? 'legacy' : { pin: '2026-07-28' } },
      },
    );
    if (elicit !== undefined) client.setRequestHandler('elicitation/create', ({ params }) => elicit(params));
    await client.connect(new StreamableHTTPClientTransport(new URL(mcpUrl), { fetch }));
    this.#open.push(client);
    return client;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((client) => client.close()));
  }
}

/** An owner's project needs the client for tests alone. */
async function loadSdk() {
  try {
    return await import('@modelcontextprotocol/client');
  } catch (error) {
    if (!/@modelcontextprotocol\/client/.test((error as Error).message)) throw error;
    throw new Error('connect needs a client: npm install --save-dev @modelcontextprotocol/client', { cause: error });
  }
}
