import { createHash, randomBytes } from 'node:crypto';
import { approveAndSignIn } from './form-browser.ts';

const REDIRECT_URI = 'http://127.0.0.1/callback';

/** @returns the id of a client that is registered at a running emulator */
export async function registerClient(origin: string): Promise<string> {
  const { client_id } = await post<{ client_id: string }>(`${origin}/register`, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Test client', redirect_uris: [REDIRECT_URI] }),
  });
  return client_id;
}

/**
 * Signs a user in at a running emulator, as a browser does.
 *
 * @param origin of the emulator
 * @returns the access token
 */
export async function signIn(origin: string, client: string, user: string, scopes?: string[]): Promise<string> {
  const verifier = randomBytes(32).toString('base64url');
  const shared = { client_id: client, redirect_uri: REDIRECT_URI, resource: `${origin}/mcp` };
  const request = new URLSearchParams({
    ...shared,
    response_type: 'code',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...(scopes && { scope: scopes.join(' ') }),
  });
  const callback = await approveAndSignIn(`${origin}/authorize?${request}`, user);
  const code = callback.searchParams.get('code')!;
  const { access_token } = await post<{ access_token: string }>(`${origin}/token`, {
    body: new URLSearchParams({ ...shared, grant_type: 'authorization_code', code, code_verifier: verifier }),
  });
  return access_token;
}

async function post<T>(url: string, init: Omit<RequestInit, 'method'>): Promise<T> {
  const response = await fetch(url, { ...init, method: 'POST' });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
