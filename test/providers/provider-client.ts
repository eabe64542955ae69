import { randomUUID } from 'node:crypto';
import {
  Client,
  type OAuthClientProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client';
import { SignInMemory } from '../../bench/harness/mcp-clients.ts';
import { grantOf } from '../support/wire-checks.ts';

/** A client of the MCP SDK, signed in by a user. */
export class ProviderClient {
  readonly #memory: SignInMemory;
  readonly #client: Client;

  private constructor(memory: SignInMemory, client: Client) {
    this.#memory = memory;
    this.#client = client;
  }

  /** @param signIn opens the authorization URL, and returns the redirect to the client */
  static async connect(mcpUrl: string, signIn: (authorizationUrl: URL) => Promise<URL>): Promise<ProviderClient> {
    const memory = new SignInMemory();
    // Where one is missing, Hydra returns an empty URI and `null`, both of which the SDK rejects.
    Object.assign(memory.clientMetadata, { client_uri: 'https://example.com', contacts: ['client@example.com'] });
    // Hydra requires it.
    Object.assign(memory, { state: () => randomUUID() });
    const url = new URL(mcpUrl);
    const transport = () => new StreamableHTTPClientTransport(url, { authProvider: memory as OAuthClientProvider });
    const client = () => new Client({ name: 'providers-test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    try {
      await client().connect(transport());
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
    }
    const callback = await signIn(memory.authorizationUrl!);
    await transport().finishAuth(callback.searchParams);
    const connected = client();
    await connected.connect(transport());
    return new ProviderClient(memory, connected);
  }

  /** The grant's id. */
  get grant(): string {
    return grantOf(this.tokens);
  }

  get tokens(): { access_token: string; refresh_token: string } {
    const { access_token, refresh_token } = this.#memory.tokens()!;
    if (refresh_token === undefined) throw new Error('the client has no refresh token');
    return { access_token, refresh_token };
  }

  get clientId(): string {
    return this.#memory.clientInformation()!.client_id;
  }

  /** Calls a tool that returns JSON. @throws UnauthorizedError if the user has to sign in again */
  async call(tool: string): Promise<Record<string, unknown>> {
    const { content, isError } = await this.#client.callTool({ name: tool, arguments: {} });
    const { text } = content[0] as { text: string };
    if (isError) throw new Error(`the tool ${tool} failed: ${text}`);
    return JSON.parse(text);
  }

  /** Makes the next request present an invalid access token, so that the client refreshes. */
  expireAccessToken(): void {
    this.#memory.saveTokens({ ...this.#memory.tokens()!, access_token: 'expired' });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}
