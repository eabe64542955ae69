import {
  Client as ModernClient,
  type OAuthClientProvider as ModernProvider,
  StreamableHTTPClientTransport as ModernTransport,
  UnauthorizedError as ModernUnauthorized,
} from '@modelcontextprotocol/client';
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { approveAndSignIn } from './form-browser.ts';

/** The stored sign-in of an assistant, for the clients of both SDKs. */
export class SignInMemory {
  readonly redirectUrl = 'http://127.0.0.1:33418/callback';
  readonly clientMetadata = {
    client_name: 'Assistant under test',
    redirect_uris: [this.redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };
  authorizationUrl: URL | undefined;
  #client: { client_id: string } | undefined;
  #tokens: { access_token: string; refresh_token?: string; token_type: string } | undefined;
  #verifier = '';
  #discovered: unknown;

  clientInformation = () => this.#client;
  saveClientInformation = (client: { client_id: string }) => {
    this.#client = client;
  };
  tokens = () => this.#tokens;
  saveTokens = (tokens: { access_token: string; refresh_token?: string; token_type: string }) => {
    this.#tokens = tokens;
  };
  redirectToAuthorization = (url: URL) => {
    this.authorizationUrl = url;
  };
  saveCodeVerifier = (verifier: string) => {
    this.#verifier = verifier;
  };
  codeVerifier = () => this.#verifier;
  saveDiscoveryState = (state: unknown) => {
    this.#discovered = state;
  };
  discoveryState = () => this.#discovered as never;
  invalidateCredentials = () => {
    this.#tokens = undefined;
  };
}

export type ToolAnswer = { text: string; isError: boolean };

/** A connected assistant, independent of its SDK. */
export type Assistant = {
  memory: SignInMemory;
  listTools(): Promise<string[]>;
  call(tool: string, input?: Record<string, unknown>, onProgress?: (progress: number) => void): Promise<ToolAnswer>;
  sessionId(): string | undefined;
  close(): Promise<void>;
};

/** The user's response to an elicitation: the content of the form. */
export type Answers = (message: string) => Promise<Record<string, boolean>>;

export type Connect = (mcpUrl: string, user: string, memory?: SignInMemory, answers?: Answers) => Promise<Assistant>;

const declared = (answers: Answers | undefined) => ({ capabilities: answers ? { elicitation: {} } : {} });

type Content = { content?: unknown; isError?: unknown };

const answerOf = ({ content, isError }: Content): ToolAnswer => ({
  text: (content as { text: string }[])[0]!.text,
  isError: isError === true,
});

/** `@modelcontextprotocol/client` with 2026-07-28 or 2025-11-25. */
const withModernSdk =
  (mode: 'legacy' | { pin: string }): Connect =>
  async (mcpUrl, user, memory = new SignInMemory(), answers) => {
    const attempt = async () => {
      const transport = new ModernTransport(new URL(mcpUrl), { authProvider: memory as ModernProvider });
      const client = new ModernClient(
        { name: 'sdk-v2', version: '2.4.0' },
        { versionNegotiation: { mode }, ...declared(answers) },
      );
      if (answers) {
        client.setRequestHandler('elicitation/create', async ({ params }) => ({
          action: 'accept' as const,
          content: await answers(params.message),
        }));
      }
      await client.connect(transport);
      return { client, transport };
    };
    const { client, transport } = await attempt().catch(async (error) => {
      if (!(error instanceof ModernUnauthorized)) throw error;
      const back = await approveAndSignIn(memory.authorizationUrl!.href, user);
      const transport = new ModernTransport(new URL(mcpUrl), { authProvider: memory as ModernProvider });
      await transport.finishAuth(back.searchParams);
      return attempt();
    });
    return {
      memory,
      listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: async (name, input = {}, onProgress) => {
        const options = onProgress && { onprogress: ({ progress }: { progress: number }) => onProgress(progress) };
        return answerOf((await client.callTool({ name, arguments: input }, options)) as Content);
      },
      sessionId: () => transport.sessionId,
      close: () => client.close(),
    };
  };

/** `@modelcontextprotocol/sdk`, which supports the legacy era only. */
const withFirstSdk: Connect = async (mcpUrl, user, memory = new SignInMemory(), answers) => {
  const attempt = async () => {
    const transport = new StreamableHTTPClientTransport(new URL(mcpUrl), { authProvider: memory });
    const client = new Client({ name: 'sdk-v1', version: '1.32.2' }, declared(answers));
    if (answers) {
      client.setRequestHandler(ElicitRequestSchema, async ({ params }) => ({
        action: 'accept' as const,
        content: await answers(params.message),
      }));
    }
    await client.connect(transport);
    return { client, transport };
  };
  const { client, transport } = await attempt().catch(async (error) => {
    if (!(error instanceof UnauthorizedError)) throw error;
    const back = await approveAndSignIn(memory.authorizationUrl!.href, user);
    await new StreamableHTTPClientTransport(new URL(mcpUrl), { authProvider: memory }).finishAuth(
      back.searchParams.get('code')!,
    );
    return attempt();
  });
  return {
    memory,
    listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: async (name, input = {}, onProgress) => {
      const options = onProgress && { onprogress: ({ progress }: { progress: number }) => onProgress(progress) };
      return answerOf((await client.callTool({ name, arguments: input }, undefined, options)) as Content);
    },
    sessionId: () => transport.sessionId,
    close: () => client.close(),
  };
};

export const assistants: [string, Connect][] = [
  ['@modelcontextprotocol/client, 2026-07-28', withModernSdk({ pin: '2026-07-28' })],
  ['@modelcontextprotocol/client, 2025-11-25', withModernSdk('legacy')],
  ['@modelcontextprotocol/sdk', withFirstSdk],
];
