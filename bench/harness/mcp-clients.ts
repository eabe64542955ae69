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
import { approveAndSignIn } from '../../local/testing/form-browser.ts';

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
  /** The SDKs name the credentials that the server has rejected. */
  invalidateCredentials = (rejected: string) => {
    if (rejected === 'all' || rejected === 'client') this.#client = undefined;
    if (rejected === 'all' || rejected === 'tokens') this.#tokens = undefined;
  };

  /** The user follows the authorization URL. @returns the authorization response */
  approve(user: string): Promise<URL> {
    return approveAndSignIn(this.authorizationUrl!.href, user);
  }
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

const answerOf = (result: unknown): ToolAnswer => {
  const { content, isError } = result as { content: [{ text: string }]; isError?: boolean };
  return { text: content[0].text, isError: isError === true };
};

type ProgressOptions = { onprogress: (progress: { progress: number }) => void } | undefined;

/** Differences of the two SDKs. */
type Sdk = {
  /** Connects, or throws an error that `isUnauthorized` recognizes. */
  attempt(mcpUrl: URL, memory: SignInMemory, answers: Answers | undefined): Promise<Connection>;
  isUnauthorized(error: unknown): boolean;
  finishSignIn(mcpUrl: URL, memory: SignInMemory, callback: URLSearchParams): Promise<void>;
};

type Connection = {
  client: { listTools(): Promise<{ tools: { name: string }[] }>; close(): Promise<void> };
  transport: { sessionId?: string | undefined };
  callTool(params: { name: string; arguments: Record<string, unknown> }, options: ProgressOptions): Promise<unknown>;
};

/** Connects an assistant; signs the user in if the server asks for it. */
const withSdk =
  ({ attempt, isUnauthorized, finishSignIn }: Sdk): Connect =>
  async (mcpUrl, user, memory = new SignInMemory(), answers) => {
    const url = new URL(mcpUrl);
    const { client, transport, callTool } = await attempt(url, memory, answers).catch(async (error) => {
      if (!isUnauthorized(error)) throw error;
      const callback = await memory.approve(user);
      await finishSignIn(url, memory, callback.searchParams);
      return attempt(url, memory, answers);
    });
    return {
      memory,
      listTools: async () => (await client.listTools()).tools.map(({ name }) => name),
      call: async (name, input = {}, onProgress) =>
        answerOf(
          await callTool(
            { name, arguments: input },
            onProgress && { onprogress: ({ progress }) => onProgress(progress) },
          ),
        ),
      sessionId: () => transport.sessionId,
      close: () => client.close(),
    };
  };

const acceptedWith = async (answers: Answers, message: string) => ({
  action: 'accept' as const,
  content: await answers(message),
});

/** `@modelcontextprotocol/client` with 2026-07-28 or 2025-11-25. */
const secondSdk = (mode: 'legacy' | { pin: string }): Sdk => {
  const transportTo = (url: URL, memory: SignInMemory) =>
    new ModernTransport(url, { authProvider: memory as ModernProvider });
  return {
    attempt: async (url, memory, answers) => {
      const transport = transportTo(url, memory);
      const client = new ModernClient(
        { name: 'sdk-v2', version: '2.4.0' },
        { versionNegotiation: { mode }, ...declared(answers) },
      );
      if (answers) {
        client.setRequestHandler('elicitation/create', ({ params }) => acceptedWith(answers, params.message));
      }
      await client.connect(transport);
      return { client, transport, callTool: (params, options) => client.callTool(params, options) };
    },
    isUnauthorized: (error) => error instanceof ModernUnauthorized,
    finishSignIn: (url, memory, callback) => transportTo(url, memory).finishAuth(callback),
  };
};

/** `@modelcontextprotocol/sdk`, which supports the legacy era only. */
const firstSdk: Sdk = {
  attempt: async (url, memory, answers) => {
    const transport = new StreamableHTTPClientTransport(url, { authProvider: memory });
    const client = new Client({ name: 'sdk-v1', version: '1.32.2' }, declared(answers));
    if (answers) {
      client.setRequestHandler(ElicitRequestSchema, ({ params }) => acceptedWith(answers, params.message));
    }
    await client.connect(transport);
    return { client, transport, callTool: (params, options) => client.callTool(params, undefined, options) };
  },
  isUnauthorized: (error) => error instanceof UnauthorizedError,
  finishSignIn: (url, memory, callback) =>
    new StreamableHTTPClientTransport(url, { authProvider: memory }).finishAuth(callback.get('code')!),
};

export const assistants: [string, Connect][] = [
  ['@modelcontextprotocol/client, 2026-07-28', withSdk(secondSdk({ pin: '2026-07-28' }))],
  ['@modelcontextprotocol/client, 2025-11-25', withSdk(secondSdk('legacy'))],
  ['@modelcontextprotocol/sdk', withSdk(firstSdk)],
];
