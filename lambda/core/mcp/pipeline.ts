import { isInitializeRequest } from '@modelcontextprotocol/server';
import { isLoopbackUri } from '../../shared/loopback.ts';
import { missingScopes, type ScopeSet, stepUpChallenge } from '../../shared/scope-set.ts';
import type { Caller } from '../access/caller.ts';
import { type AuditDependencies, AuditRecorder } from '../audit/audit-recorder.ts';
import type { CallOutcome } from '../audit/tool-call.ts';
import { resourceMetadataUrl } from '../oauth/endpoints/protected-resource-metadata.ts';
import type { Initialize, Session, SessionAccess, SessionRejection, Sessions } from '../sessions/session.ts';
import { bytes } from '../support/crypto.ts';
import { RETRY_AFTER_SECONDS, ServiceUnavailableError } from '../support/service-unavailable-error.ts';
import { isLegacy } from './era.ts';
import { rpcError } from './json-rpc-error.ts';
import type { McpExchange, PendingResponse } from './mcp-exchange.ts';
import { McpHeaders, McpRequest, McpResponse } from './mcp-http.ts';
import type { ServerStep } from './server-step.ts';
import { readEventId } from './sse.ts';
import { createToolContext, type ToolContextDependencies } from './tool-context.ts';
import { type Trace, traceIdOf, traceOf } from './trace.ts';

/** Largest message, in bytes: four mebibytes, as the SDK has it. */
const LARGEST_MESSAGE = 4 * 1024 * 1024;
/** `initialize` is kept with the session, so it has to fit into a small item. */
const LARGEST_INITIALIZE = 8 * 1024;
/** What is left of the process's time when calls that are not answered yet go on record as timed out. */
const MARGIN_MILLISECONDS = 1_500;
/** The one revision with batches (JSON-RPC §6); 2025-06-18 removed them. */
const BATCHING_REVISIONS = ['2025-03-26', '2024-11-05', '2024-10-07'];

export type PipelineDependencies = {
  sessions: Sessions;
  server: ServerStep;
  context: ToolContextDependencies;
  record: AuditDependencies;
  scopes: ScopeSet;
  /** The origin that clients know. */
  publicUrl: string;
  /** Origins of web pages whose scripts may call. @default - any https origin, and pages of the user's own computer */
  allowedOrigins: readonly string[] | undefined;
  log: (event: string, details?: Record<string, unknown>) => void;
  /** Told the trace that the request belongs to: what is logged from then on names it. */
  traced: (traceId: string) => void;
};

/**
 * The way of a request to `/mcp` behind the authorizer: session, server, call record. Never throws.
 *
 * @param milliseconds what is left of the time that this process has for it
 */
export async function handleMcpRequest(
  endpoint: PipelineDependencies,
  request: McpRequest,
  caller: Caller,
  milliseconds?: number,
): Promise<PendingResponse> {
  try {
    if (!isKnownOrigin(request.headers.get('origin'), endpoint.allowedOrigins)) {
      return settled(rpcError(403, -32000, 'Forbidden: this server is not for web pages of that origin'));
    }
    switch (request.method) {
      case 'POST':
        return await post(endpoint, request, caller, milliseconds);
      case 'GET':
        return await get(endpoint, request, caller);
      case 'DELETE':
        return settled(await endSession(endpoint, request, caller));
      default:
        return settled(notAllowed());
    }
  } catch (error) {
    return settled(failure(endpoint, error));
  }
}

/**
 * Whether a browser's request comes from a page that may call (MCP 2025-11-25 and 2026-07-28, Streamable HTTP: the Origin
 * header MUST be validated). It is the token that decides what may be done, and no browser sends that of itself; this
 * keeps out pages that were loaded without TLS, sandboxed ones, and those that rebind a name to a local address.
 */
function isKnownOrigin(origin: string | null, allowed: readonly string[] | undefined): boolean {
  if (origin === null) return true;
  if (allowed) return allowed.includes(origin);
  return origin.startsWith('https://') || isLoopbackUri(origin);
}

async function post(
  endpoint: PipelineDependencies,
  request: McpRequest,
  caller: Caller,
  milliseconds?: number,
): Promise<PendingResponse> {
  const recording = new AuditRecorder(endpoint.record);
  const message = readMessage(request);
  if (message instanceof McpResponse) return settled(message);
  const { body } = message;
  const trace = tracing(endpoint, traceOf(request.headers, body));
  const legacy = await isLegacy(request, body);
  const admission = legacy
    ? await legacySession(endpoint, request, body, caller)
    : await endpoint.sessions.current(caller);
  if (admission instanceof McpResponse) return settled(admission);
  if (typeof admission === 'string') return settled(refusal(admission));

  const context = createToolContext(endpoint.context, caller, admission, trace);
  const { session } = admission;
  const exchange = { request: withoutSecrets(request), body, caller, session, context, recording };
  const slid = sliding(endpoint, admission);
  const afterwards = () => recording.written();
  const refused = refusedRequest(endpoint, exchange, request, legacy);
  if (refused) {
    await recording.turnedAway(exchange, refused.response, refused.outcome);
    return { response: refused.response, done: slid, afterwards };
  }
  if (milliseconds !== undefined) recording.expect(exchange, milliseconds - MARGIN_MILLISECONDS);
  const answer = await serve(endpoint, exchange, legacy);
  if (!answer.response.ok) await recording.turnedAway(exchange, answer.response);
  return { ...answer, done: Promise.all([slid, answer.done]), afterwards };
}

/** Station 3's answer, whatever happens to it: it is recorded like any other. */
async function serve(endpoint: PipelineDependencies, exchange: McpExchange, legacy: boolean): Promise<PendingResponse> {
  const { server } = endpoint;
  try {
    if (!legacy) return await server.modern(exchange);
    return named(endpoint, await server.legacy(exchange), exchange.session, exchange.body);
  } catch (error) {
    return settled(failure(endpoint, error));
  }
}

/** What is refused before any server is asked. */
function refusedRequest(
  endpoint: PipelineDependencies,
  { body, caller, session }: McpExchange,
  request: McpRequest,
  legacy: boolean,
): { response: McpResponse; outcome: CallOutcome } | undefined {
  if (legacy && Array.isArray(body) && !BATCHING_REVISIONS.includes(session.initialize?.protocolVersion ?? '')) {
    const response = rpcError(400, -32600, 'Invalid Request: this protocol version has no batches');
    return { response, outcome: 'protocol-error' };
  }
  const response = insufficientScope(endpoint, request, body, caller, legacy);
  return response && { response, outcome: response.status === 403 ? 'refused' : 'protocol-error' };
}

/** Has what is logged from now on name the trace. */
function tracing({ traced }: PipelineDependencies, trace: Trace | undefined): Trace | undefined {
  if (trace) traced(traceIdOf(trace));
  return trace;
}

/** A client of the 2025 era comes back for the rest of an answer, or listens for changes. */
async function get(endpoint: PipelineDependencies, request: McpRequest, caller: Caller): Promise<PendingResponse> {
  const { server, sessions } = endpoint;
  const id = sessionId(request);
  const last = request.headers.get('last-event-id');
  if (id === undefined || (last === null && !server.tellsOfChanges)) return settled(notAllowed());
  if (!request.headers.get('accept')?.includes('text/event-stream')) {
    return settled(rpcError(406, -32000, 'Not Acceptable: Accept must list text/event-stream'));
  }
  const position = last === null ? undefined : readEventId(last);
  if (last !== null && !position) {
    return settled(rpcError(400, -32000, 'Bad Request: Last-Event-ID is none of this server'));
  }
  const admission = await sessions.resume(caller, id, request.headers.get('mcp-protocol-version') ?? undefined);
  if (typeof admission === 'string') return settled(refusal(admission));
  const { session } = admission;
  const context = createToolContext(endpoint.context, caller, admission, tracing(endpoint, traceOf(request.headers)));
  const recording = new AuditRecorder(endpoint.record);
  const answer = position
    ? await server.resume(session, position)
    : await server.listen({ request: withoutSecrets(request), body: undefined, caller, session, context, recording });
  return { ...named(endpoint, answer, session), done: Promise.all([sliding(endpoint, admission), answer.done]) };
}

const sliding = ({ log }: PipelineDependencies, { slid }: SessionAccess): Promise<void> =>
  slid.catch((error) => log('session_slide_failed', { error: String(error) }));

const notAllowed = () => rpcError(405, -32000, 'Method not allowed: use POST', { Allow: 'POST, DELETE' });

/** Names the session in the answer; where it begins, in a cookie as well. */
function named(
  { publicUrl }: PipelineDependencies,
  answer: PendingResponse,
  { id }: Session,
  body?: unknown,
): PendingResponse {
  const { headers } = answer.response;
  headers.set('Mcp-Session-Id', id);
  if (isNamed('initialize', body)) {
    const secure = publicUrl.startsWith('https:') ? '; Secure' : '';
    headers.set('Set-Cookie', `${SESSION_COOKIE}=${id}; Path=/mcp; HttpOnly; SameSite=Lax${secure}`);
  }
  return answer;
}

/** The request as tools may see it. */
function withoutSecrets(request: McpRequest): McpRequest {
  const headers = new McpHeaders(request.headers);
  for (const secret of ['authorization', 'cookie']) headers.delete(secret);
  return new McpRequest(request.url, { method: request.method, headers });
}

/** Legacy: `initialize` starts a session, everything else names one. */
async function legacySession(
  { sessions }: PipelineDependencies,
  request: McpRequest,
  body: unknown,
  caller: Caller,
): Promise<SessionAccess | SessionRejection | McpResponse> {
  if (isNamed('initialize', body) && isInitializeRequest(body)) {
    const initialize = body.params as Initialize;
    if (JSON.stringify(initialize).length > LARGEST_INITIALIZE) {
      return rpcError(400, -32602, `Invalid params: initialize may have ${LARGEST_INITIALIZE} characters at most`);
    }
    return sessions.initialize(caller, initialize);
  }
  const id = sessionId(request);
  if (id === undefined) {
    if (!(await sessions.isAuthorized(caller))) return 'unauthorized';
    return isNamed('initialize', body)
      ? rpcError(400, -32602, 'Invalid params: initialize needs protocolVersion, capabilities and clientInfo', {}, body)
      : rpcError(400, -32000, 'Bad Request: send initialize first, then the Mcp-Session-Id it answers with', {}, body);
  }
  return sessions.resume(caller, id, request.headers.get('mcp-protocol-version') ?? undefined);
}

async function endSession(
  { sessions }: PipelineDependencies,
  request: McpRequest,
  caller: Caller,
): Promise<McpResponse> {
  const id = sessionId(request);
  if (id === undefined) return rpcError(400, -32000, 'Bad Request: Mcp-Session-Id is missing');
  const refused = await sessions.end(caller, id);
  return refused ? refusal(refused) : new McpResponse(null, { status: 200 });
}

/** The session id, in the standard header, or in the header or the cookie that older integrations send. */
const sessionId = ({ headers }: McpRequest) =>
  headers.get('mcp-session-id') ||
  headers.get('x-mcp-session-id') ||
  cookieForm.exec(headers.get('cookie') ?? '')?.groups?.id ||
  undefined;

const SESSION_COOKIE = 'mcp_session_id';
const cookieForm = new RegExp(`(?:^|; *)${SESSION_COOKIE}=(?<id>[^;]*)`);

/** The parsed body, or the answer that says why there is none. */
function readMessage(request: McpRequest): { body: unknown } | McpResponse {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    return rpcError(415, -32000, 'Unsupported Media Type: Content-Type must be application/json');
  }
  const given = request.body ?? '';
  // A character of a text has three bytes at most: few have to be counted.
  const isSmall = given.length * 3 <= LARGEST_MESSAGE;
  if (!isSmall && (typeof given === 'string' ? bytes(given) : given).byteLength > LARGEST_MESSAGE) {
    return rpcError(413, -32000, `Payload Too Large: a message may have ${LARGEST_MESSAGE} bytes at most`);
  }
  let body: unknown;
  try {
    // A decoder leaves out the mark of byte order that some begin a text with.
    const text =
      typeof given === 'string'
        ? given.replace(/^\ufeff/, '')
        : new TextDecoder('utf-8', { fatal: true }).decode(given);
    body = JSON.parse(text);
  } catch {
    return rpcError(400, -32700, 'Parse error: the body is not JSON in UTF-8');
  }
  if (body === null || typeof body !== 'object' || (Array.isArray(body) && body.length === 0)) {
    return rpcError(400, -32600, 'Invalid Request: the body is no JSON-RPC message');
  }
  return { body };
}

/**
 * The refusal of a tool that the token has no scope for. In the 2026 era the authorizer has refused already, by the
 * headers. Here the body counts, whatever they say: older clients may send any, and newer ones another spelling. A header
 * that names another tool is answered as the protocol says (-32020), but the call goes no further either way.
 */
function insufficientScope(
  { scopes, publicUrl }: PipelineDependencies,
  { headers }: McpRequest,
  body: unknown,
  caller: Caller,
  isLegacy: boolean,
): McpResponse | undefined {
  for (const message of Array.isArray(body) ? body : [body]) {
    if (!isNamed('tools/call', message)) continue;
    const { name } = ((message as { params?: unknown }).params ?? {}) as { name?: unknown };
    if (typeof name !== 'string') continue;
    const missing = missingScopes(caller.scopes, name, scopes);
    if (!missing) continue;
    if (!isLegacy && plainName(headers.get('mcp-name')) !== name) {
      return rpcError(400, -32020, 'Header mismatch: Mcp-Name does not name the tool that the body names', {}, message);
    }
    const data = { error: 'insufficient_scope', scope: missing.join(' ') };
    const text = `Insufficient scope: ${name} needs ${data.scope}. Ask the user to connect again with it`;
    const challenge = stepUpChallenge(missing, resourceMetadataUrl(publicUrl));
    return rpcError(403, -32000, text, { 'WWW-Authenticate': challenge }, message, data);
  }
  return undefined;
}

/** `Mcp-Name` as it was meant: names that a header cannot hold are sent in Base64 (MCP 2026-07-28, value encoding). */
function plainName(header: string | null): string | undefined {
  const encoded = /^=\?base64\?((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)\?=$/.exec(
    header ?? '',
  )?.[1];
  if (encoded === undefined) return header ?? undefined;
  return new TextDecoder().decode(Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0)));
}

function refusal(refused: SessionRejection): McpResponse {
  switch (refused) {
    case 'unauthorized':
      return McpResponse.json(
        { error: 'invalid_token', error_description: 'The token has expired or was revoked: sign in again' },
        { status: 401, headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } },
      );
    case 'session-not-found':
      return rpcError(404, -32001, 'Session not found: send initialize again');
  }
}

const isNamed = (method: string, message: unknown) => (message as { method?: unknown } | null)?.method === method;

function failure({ log }: PipelineDependencies, error: unknown): McpResponse {
  if (error instanceof ServiceUnavailableError) {
    log('service_unavailable', { message: error.message, cause: String(error.cause) });
    const headers = { 'Retry-After': String(RETRY_AFTER_SECONDS) };
    return rpcError(503, -32000, 'Service unavailable: nothing has changed, try again shortly', headers);
  }
  log('unexpected_error', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  return rpcError(500, -32603, 'Internal server error');
}

const settled = (response: McpResponse): PendingResponse => ({ response, done: Promise.resolve() });
