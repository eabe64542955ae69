import { isInitializeRequest } from '@modelcontextprotocol/server';
import type { Caller } from '../access/caller.ts';
import { keptInitialize } from '../sessions/kept-initialize.ts';
import { type Initialize, nameOfSession, type Session } from '../sessions/session.ts';
import type { SessionAccess, SessionRejection, Sessions } from '../sessions/sessions.ts';
import type { Logger } from '../support/logger.ts';
import { isPlainInitialize } from './fast-path/plain-values.ts';
import { jsonRpcError } from './json-rpc-error.ts';
import { type McpRequest, McpResponse } from './mcp-http.ts';
import { hasMethod } from './message-reader.ts';

/** In characters. Clients may send their icons as `data:` URIs. */
const LARGEST_INITIALIZE = 64 * 1024;

const SESSION_COOKIE = 'mcp_session_id';
const cookieForm = new RegExp(`(?:^|; *)${SESSION_COOKIE}=(?<id>[^;]*)`);

/** The session id, from the standard header, or from the header or the cookie that older integrations send. */
export const sessionIdOf = ({ headers }: McpRequest): string | undefined =>
  headers.get('mcp-session-id') ||
  headers.get('x-mcp-session-id') ||
  cookieForm.exec(headers.get('cookie') ?? '')?.groups?.id ||
  undefined;

/**
 * Step 2 of the pipeline: caller and session id → live session. In the 2025 era `initialize` begins a session and every
 * other request names one; a request of 2026-07-28 belongs to the grant's current session.
 *
 * @returns the rejection when no session is available
 */
export function findSession(
  sessions: Sessions,
  request: McpRequest,
  { body, caller, isLegacy }: { body: unknown; caller: Caller; isLegacy: boolean },
): Promise<SessionAccess | McpResponse> {
  if (!isLegacy) return accessOr(sessions.current(caller), body);
  if (hasMethod('initialize', body) && (isPlainInitialize(body) || isInitializeRequest(body))) {
    return beginSession(sessions, caller, body);
  }
  const id = sessionIdOf(request);
  return id === undefined
    ? rejectWithoutSession(sessions, caller, body)
    : resumeSession(sessions, request, caller, id, body);
}

async function beginSession(sessions: Sessions, caller: Caller, body: unknown): Promise<SessionAccess | McpResponse> {
  const initialize = (body as { params: unknown }).params as Initialize;
  if (JSON.stringify(initialize).length > LARGEST_INITIALIZE) {
    const reason = `Invalid params: initialize exceeds ${LARGEST_INITIALIZE} characters`;
    return jsonRpcError(400, -32602, reason, {}, body);
  }
  const kept = keptInitialize(initialize);
  if (!kept) return jsonRpcError(400, -32602, 'Invalid params: capabilities are too large', {}, body);
  return accessOr(sessions.initialize(caller, kept), body);
}

/** The response to a request that names no session, and is no complete `initialize`. */
async function rejectWithoutSession(sessions: Sessions, caller: Caller, body: unknown): Promise<McpResponse> {
  if (!(await sessions.isAuthorized(caller))) return rejection('unauthorized', body);
  return hasMethod('initialize', body)
    ? jsonRpcError(400, -32602, 'Invalid params: protocolVersion, capabilities and clientInfo are required', {}, body)
    : jsonRpcError(400, -32000, 'Bad Request: Mcp-Session-Id is missing; send initialize first', {}, body);
}

/** The session that a request of the 2025 era names. */
export const resumeSession = (
  sessions: Sessions,
  { headers }: McpRequest,
  caller: Caller,
  id: string,
  body?: unknown,
): Promise<SessionAccess | McpResponse> =>
  accessOr(sessions.resume(caller, id, headers.get('mcp-protocol-version') ?? undefined), body);

/** DELETE: ends the session that its client names. */
export async function endSession(sessions: Sessions, request: McpRequest, caller: Caller): Promise<McpResponse> {
  const id = sessionIdOf(request);
  if (id === undefined) return jsonRpcError(400, -32000, 'Bad Request: Mcp-Session-Id is missing');
  const rejected = await sessions.end(caller, id);
  return rejected ? rejection(rejected) : new McpResponse(null, { status: 200 });
}

/** Resolves when the session's new expiry is stored. A failure costs the session a minute of its lifetime. */
export const sliding = ({ slid }: SessionAccess, log: Logger): Promise<void> | undefined =>
  slid?.catch((error) => log('session_slide_failed', { error: String(error) }));

/** Names the session in the response to a client of the 2025 era, and in a cookie when the session begins. */
export function nameSession(response: McpResponse, session: Session, publicUrl: string, body?: unknown): void {
  const id = nameOfSession(session);
  response.headers.set('Mcp-Session-Id', id);
  if (!hasMethod('initialize', body)) return;
  const secure = publicUrl.startsWith('https:') ? '; Secure' : '';
  response.headers.set('Set-Cookie', `${SESSION_COOKIE}=${id}; Path=/mcp; HttpOnly; SameSite=Lax${secure}`);
}

const accessOr = (
  searched: Promise<SessionAccess | SessionRejection>,
  body: unknown,
): Promise<SessionAccess | McpResponse> =>
  searched.then((found) => (typeof found === 'string' ? rejection(found, body) : found));

function rejection(reason: SessionRejection, body?: unknown): McpResponse {
  switch (reason) {
    case 'unauthorized':
      return McpResponse.json(
        { error: 'invalid_token', error_description: 'The access token is expired or revoked; sign in again' },
        { status: 401, headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } },
      );
    case 'session-not-found':
      return jsonRpcError(404, -32001, 'Session not found; send initialize again', {}, body);
  }
}
