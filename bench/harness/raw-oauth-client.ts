import { createHash, randomBytes } from 'node:crypto';
import { approveAndSignIn, Browser } from '../../local/testing/form-browser.ts';

/** An OAuth client without a library, for requests that a conforming library does not send. */

export type Tokens = { access_token: string; refresh_token: string; scope: string; expires_in: number };

export const redirectUri = 'http://127.0.0.1:33418/callback';

export class OAuthClient {
  readonly origin: string;
  readonly id: string;
  readonly verifier = randomBytes(32).toString('base64url');

  private constructor(origin: string, id: string) {
    this.origin = origin;
    this.id = id;
  }

  /** A client that is already registered. */
  static known(origin: string, id: string): OAuthClient {
    return new OAuthClient(origin, id);
  }

  static async register(origin: string, metadata: Record<string, unknown> = {}): Promise<OAuthClient> {
    const answer = await register(origin, {
      client_name: 'By hand',
      redirect_uris: ['http://127.0.0.1/callback'],
      ...metadata,
    });
    if (answer.status !== 201) throw new Error(`registration answered ${answer.status}: ${await answer.text()}`);
    return new OAuthClient(origin, ((await answer.json()) as { client_id: string }).client_id);
  }

  /** @param change parameters to send otherwise; `undefined` omits one */
  authorizationUrl(change: Record<string, string | undefined> = {}): string {
    const parameters = {
      response_type: 'code',
      client_id: this.id,
      redirect_uri: redirectUri,
      state: 'the-state',
      resource: `${this.origin}/mcp`,
      code_challenge: createHash('sha256').update(this.verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...change,
    };
    return `${this.origin}/authorize?${formOf(parameters)}`;
  }

  /** Signs the user in. @returns the authorization code */
  async signIn(user: string, browser = new Browser()): Promise<string> {
    const back = await approveAndSignIn(this.authorizationUrl(), user, browser);
    return back.searchParams.get('code')!;
  }

  redeem(code: string, change: Record<string, string | undefined> = {}): Promise<Response> {
    return this.token({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: this.verifier,
      resource: `${this.origin}/mcp`,
      ...change,
    });
  }

  refresh(refreshToken: string, change: Record<string, string | undefined> = {}): Promise<Response> {
    return this.token({ grant_type: 'refresh_token', refresh_token: refreshToken, ...change });
  }

  token(parameters: Record<string, string | undefined>): Promise<Response> {
    return fetch(`${this.origin}/token`, { method: 'POST', body: formOf({ client_id: this.id, ...parameters }) });
  }

  revoke(token: string, change: Record<string, string | undefined> = {}): Promise<Response> {
    return fetch(`${this.origin}/revoke`, { method: 'POST', body: formOf({ client_id: this.id, token, ...change }) });
  }

  /** Signs the user in and redeems the code. */
  async tokensFor(user: string): Promise<Tokens> {
    const answer = await this.redeem(await this.signIn(user));
    if (answer.status !== 200) throw new Error(`the token endpoint answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Tokens;
  }
}

export function register(origin: string, metadata: unknown): Promise<Response> {
  return fetch(`${origin}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof metadata === 'string' ? metadata : JSON.stringify(metadata),
  });
}

function formOf(parameters: Record<string, string | undefined>): URLSearchParams {
  return new URLSearchParams(
    Object.entries(parameters).filter((each): each is [string, string] => each[1] !== undefined),
  );
}

/** Sends a request to `/mcp`. */
export function postMcp(
  origin: string,
  token: string | undefined,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${origin}/mcp`, {
    method: 'POST',
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

export const initialize = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'by-hand', version: '1' } },
};

export const callTool = (name: string, input: Record<string, unknown> = {}) => ({
  jsonrpc: '2.0',
  id: 1,
  method: 'tools/call',
  params: { name, arguments: input },
});

/** The JSON-RPC message in a response: JSON, or one event of a stream. */
export async function messageOf(
  response: Response,
): Promise<{ result?: never; error?: { code: number; message: string } }> {
  const text = await response.text();
  return JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? text);
}
