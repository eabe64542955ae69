import type { ScopeSet } from '../../shared/scope-set.ts';
import type { Caller } from '../access/caller.ts';
import { type AuditDependencies, AuditRecorder } from '../audit/audit-recorder.ts';
import type { CallOutcome } from '../audit/tool-call.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { logFailure } from '../support/failure-log.ts';
import type { Logger } from '../support/logger.ts';
import { RETRY_AFTER_SECONDS } from '../support/service-unavailable-error.ts';
import { acceptedForms } from './accepted-forms.ts';
import { isOfLegacyEra, isRequest } from './era.ts';
import { jsonRpcError } from './json-rpc-error.ts';
import { checkVersion } from './legacy/legacy-message-check.ts';
import { supportsBatches } from './legacy/protocol-revision.ts';
import { type McpExchange, type PendingResponse, respond } from './mcp-exchange.ts';
import { McpHeaders, type McpRequest, McpResponse, ToolRequest } from './mcp-http.ts';
import { messagesIn, readMessage } from './message-reader.ts';
import { checkOrigin } from './origin-check.ts';
import { checkGroups, checkScopes } from './scope-step.ts';
import type { ServerStep } from './server-step.ts';
import { endSession, findSession, nameSession, resumeSession, sessionIdOf, sliding } from './session-step.ts';
import { readEventId } from './sse.ts';
import { createToolContext, type ToolContextDependencies } from './tool-context.ts';
import { type Trace, traceIdOf, traceOf } from './trace.ts';

/** Time that the process keeps to record unanswered calls as timed out before its invocation ends. */
const MARGIN_MILLISECONDS = 1_500;

export type PipelineDependencies = {
  sessions: Sessions;
  server: Pick<ServerStep, keyof ServerStep>;
  context: ToolContextDependencies;
  audit: AuditDependencies;
  scopes: ScopeSet;
  /** The origin that clients use. */
  publicUrl: string;
  /** Origins that may call in addition to https origins, loopback addresses and applications. @default none */
  allowedOrigins: readonly string[] | undefined;
  log: Logger;
  /** Receives the trace id of the request, for the log. */
  setTrace: (traceId: string) => void;
};

/** A message on its way through the steps. */
type Message = { body: unknown; caller: Caller; isLegacy: boolean };

/**
 * The way of a request to `/mcp` behind the authorizer (step 1). Never throws.
 *
 * @param remainingMilliseconds time until the invocation ends
 */
export async function handleMcpRequest(
  pipeline: PipelineDependencies,
  request: McpRequest,
  caller: Caller,
  remainingMilliseconds?: number,
): Promise<PendingResponse> {
  let body: unknown;
  try {
    const forbidden = checkOrigin(request, pipeline.allowedOrigins);
    if (forbidden) return respond(forbidden);
    switch (request.method) {
      case 'POST': {
        const read = readMessage(request);
        if (read instanceof McpResponse) return respond(read);
        body = read.body;
        const message: Message = { body, caller, isLegacy: await isOfLegacyEra(request, body) };
        return await post(pipeline, request, message, remainingMilliseconds);
      }
      case 'GET':
        return await get(pipeline, request, caller);
      case 'DELETE':
        return respond(checkVersion(request.headers) ?? (await endSession(pipeline.sessions, request, caller)));
      default:
        return respond(methodNotAllowed());
    }
  } catch (error) {
    return respond(failure(pipeline, error, body));
  }
}

/** The steps of a message after it is read: session, admission, server, audit. */
async function post(
  pipeline: PipelineDependencies,
  request: McpRequest,
  message: Message,
  remainingMilliseconds?: number,
): Promise<PendingResponse> {
  const { caller } = message;
  const recorder = new AuditRecorder(pipeline.audit);
  const trace = setTrace(pipeline, traceOf(request.headers, message.body));

  const access = await findSession(pipeline.sessions, request, message);
  if (access instanceof McpResponse) return respond(access);
  const context = createToolContext(pipeline.context, caller, access, trace, () => recorder.meetOutage());
  const { session } = access;
  const { body } = message;
  const arrivedAt = arrivalOf(pipeline, request);
  const { headers } = request;
  const exchange = { request: withoutSecrets(request), headers, body, arrivedAt, caller, session, context, recorder };
  const slid = sliding(access, pipeline.log);

  const afterwards = () => recorder.written();
  const rejected = admit(pipeline, request, message, exchange);
  if (rejected) {
    await recorder.turnedAway(exchange, rejected.response, rejected.outcome);
    return { response: rejected.response, done: slid, afterwards };
  }

  recorder.keep(exchange);
  if (remainingMilliseconds !== undefined) recorder.expect(exchange, remainingMilliseconds - MARGIN_MILLISECONDS);
  const { response, done } = await serve(pipeline, exchange, message);
  if (!response.ok) await recorder.turnedAway(exchange, response);
  return { response, done: bothOf(slid, done), afterwards };
}

/** A client of the 2025 era resumes a stream, or listens for changes. */
async function get(pipeline: PipelineDependencies, request: McpRequest, caller: Caller): Promise<PendingResponse> {
  const { server, sessions, audit, log, publicUrl } = pipeline;
  const id = sessionIdOf(request);
  const last = request.headers.get('last-event-id');
  if (id === undefined || (last === null && !server.announcesChanges)) return respond(methodNotAllowed());
  if (!acceptedForms(request.headers).stream) {
    return respond(jsonRpcError(406, -32000, 'Not Acceptable: Accept excludes text/event-stream'));
  }
  const unsupported = checkVersion(request.headers);
  if (unsupported) return respond(unsupported);
  const position = last === null ? undefined : readEventId(last);
  if (last !== null && !position) return respond(jsonRpcError(400, -32000, 'Bad Request: Unknown Last-Event-ID'));

  const access = await resumeSession(sessions, request, caller, id);
  if (access instanceof McpResponse) return respond(access);
  const { session } = access;
  const trace = setTrace(pipeline, traceOf(request.headers));
  const recorder = new AuditRecorder(audit);
  const context = createToolContext(pipeline.context, caller, access, trace, () => recorder.meetOutage());
  const { response, done } = position
    ? await server.resume({ session, recorder, context }, position)
    : await server.listen({
        request: withoutSecrets(request),
        headers: request.headers,
        body: undefined,
        arrivedAt: arrivalOf(pipeline, request),
        caller,
        session,
        context,
        recorder,
      });
  nameSession(response, session, publicUrl);
  return { response, done: bothOf(sliding(access, log), done), afterwards: () => recorder.written() };
}

const bothOf = (one: Promise<unknown> | undefined, other: Promise<unknown> | undefined) =>
  one && other ? Promise.all([one, other]) : (one ?? other);

/** Rejects what no server should see. */
function admit(
  pipeline: PipelineDependencies,
  request: McpRequest,
  message: Message,
  { session, context }: McpExchange,
): { response: McpResponse; outcome: CallOutcome } | undefined {
  if (Array.isArray(message.body) && !(message.isLegacy && supportsBatches(session))) {
    const response = jsonRpcError(400, -32600, 'Invalid Request: this protocol version has no batches');
    return { response, outcome: 'protocol-error' };
  }
  const { json, stream } = acceptedForms(request.headers);
  if (!json && !stream && messagesIn(message.body).some(isRequest)) {
    const reason = 'Not Acceptable: Accept excludes application/json and text/event-stream';
    return { response: jsonRpcError(406, -32000, reason, {}, message.body), outcome: 'protocol-error' };
  }
  const outOfScope = checkScopes(request, message, pipeline);
  if (outOfScope) {
    return { response: outOfScope, outcome: outOfScope.status === 403 ? 'refused' : 'protocol-error' };
  }
  const response = checkGroups(message.body, context.user.groups, pipeline.scopes);
  return response && { response, outcome: 'refused' };
}

/** Step 3. A failure is a response too, and is recorded as one. */
async function serve(
  pipeline: PipelineDependencies,
  exchange: McpExchange,
  message: Message,
): Promise<PendingResponse> {
  const { server, publicUrl } = pipeline;
  try {
    if (!message.isLegacy) return await server.modern(exchange);
    const pending = await server.legacy(exchange);
    nameSession(pending.response, exchange.session, publicUrl, message.body);
    return pending;
  } catch (error) {
    return respond(failure(pipeline, error, message.body));
  }
}

/** Names of headers that carry credentials: of the client, of proxies on its side, and of AWS. */
const credentialHeader =
  /authori[sz]ation|authentication|cookie|token|secret|credential|password|passwd|assertion|jwt|api-?key|^x-auth|^x-amzn-oidc|^dpop$/;

/** The request as the owner's tools see it: a tool that reads or forwards headers has no credential of the client. */
function withoutSecrets({ url, method, headers }: McpRequest): ToolRequest {
  const harmless = () => new McpHeaders([...headers].filter(([name]) => !credentialHeader.test(name)));
  return new ToolRequest(url, { method, headers: harmless });
}

const arrivalOf = ({ context }: PipelineDependencies, { receivedAt }: McpRequest) => receivedAt ?? context.clock.now();

function setTrace({ setTrace }: PipelineDependencies, trace: Trace | undefined): Trace | undefined {
  if (trace) setTrace(traceIdOf(trace));
  return trace;
}

const methodNotAllowed = () => jsonRpcError(405, -32000, 'Method not allowed: use POST', { Allow: 'POST, DELETE' });

/** The response to a request that could not be handled; the error is logged. */
export function failure({ log }: Pick<PipelineDependencies, 'log'>, error: unknown, body?: unknown): McpResponse {
  if (logFailure(log, error) === 'unexpected_error')
    return jsonRpcError(500, -32603, 'Internal server error', {}, body);
  const headers = { 'Retry-After': String(RETRY_AFTER_SECONDS) };
  return jsonRpcError(503, -32000, 'Service unavailable; repeat the request shortly', headers, body);
}
