import { auth, createMCPClient, type MCPClient, type OAuthClientProvider, UnauthorizedError } from '@ai-sdk/mcp';
import { SignInMemory } from '../../bench/harness/mcp-clients.ts';

/** The MCP client of the AI SDK with a stored sign-in. */
export class AiSdkAssistant {
  readonly #client: MCPClient;
  readonly #opened: readonly URL[];

  private constructor(client: MCPClient, opened: readonly URL[]) {
    this.#client = client;
    this.#opened = opened;
  }

  /** Connects, and signs the user in when the server asks for it. */
  static async connect(mcpUrl: string, user: string): Promise<AiSdkAssistant> {
    const memory = new SignInMemory();
    const opened: URL[] = [];
    const authProvider = Object.assign(memory, {
      redirectToAuthorization(url: URL) {
        opened.push(url);
        memory.authorizationUrl = url;
      },
      isClientInformationDynamicallyRegistered: () => true,
    }) as unknown as OAuthClientProvider;
    const attempt = () => createMCPClient({ transport: { type: 'http', url: mcpUrl, authProvider } });
    const client = await attempt().catch(async (error) => {
      if (!(error instanceof UnauthorizedError)) throw error;
      const { searchParams } = await memory.approve(user);
      await auth(authProvider, {
        serverUrl: mcpUrl,
        authorizationCode: searchParams.get('code')!,
        callbackIssuer: searchParams.get('iss')!,
      });
      return attempt();
    });
    return new AiSdkAssistant(client, opened);
  }

  call(): Promise<unknown> {
    return this.#client.callTool({ name: 'whoami', arguments: {} });
  }

  /** The URLs that the client has asked to open in a browser. */
  opened(): readonly URL[] {
    return this.#opened;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
