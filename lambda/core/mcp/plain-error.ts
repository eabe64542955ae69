import type { JSONRPCErrorResponse, JSONRPCMessage } from '@modelcontextprotocol/server';
import { shorten, singleLine } from '../support/untrusted-text.ts';

const INVALID_PARAMS = -32602;
const RESOURCE_NOT_FOUND = -32002;
const LONGEST_MESSAGE = 100;

type RpcError = JSONRPCErrorResponse['error'];

type Issue = { path: PropertyKey[]; message: string };

/**
 * The response with an error, or with the error result of a tool, in plain words: a person or a model reads it.
 */
export function plainError<M extends JSONRPCMessage>(message: M, era: 'legacy' | 'modern'): M {
  if ('error' in message) return { ...message, error: plain(message.error, era) };
  const { isError, content } = ('result' in message ? message.result : {}) as ErrorResult;
  const text = isError === true ? unavailableInput(content?.[0]?.text) : undefined;
  if (text === undefined || !('result' in message)) return message;
  return { ...message, result: { ...message.result, content: [{ type: 'text', text }] } };
}

type ErrorResult = { isError?: unknown; content?: { text?: unknown }[] };

/** The client does not accept the stream in which an input request would arrive. */
export const STREAM_NOT_ACCEPTED = 'the client does not accept text/event-stream';

const unavailable = {
  elicitation: 'This tool needs input from the user, and this client cannot request it.',
  sampling: 'This tool needs a completion by a model, and this client does not offer one.',
  roots: 'This tool needs the folders of the user, and this client does not list them.',
};

/** The SDK's words for an input request that the client did not declare (in `inputRequired`, and in `elicitInput` and others). */
const undeclared = [
  /^Cannot request input '.*' \((\w+)\/\w+\): /s,
  /^Client does not support (?:form |url |URL )?(elicitation|sampling|listing roots)\b/,
];

/** @returns undefined unless the text says that the client cannot be asked */
function unavailableInput(text: unknown): string | undefined {
  if (typeof text !== 'string') return undefined;
  if (text.endsWith(STREAM_NOT_ACCEPTED)) return unavailable.elicitation;
  const [, kind] = undeclared.map((form) => form.exec(text)).find((match) => match !== null) ?? [];
  switch (kind) {
    case undefined:
      return undefined;
    case 'sampling':
      return unavailable.sampling;
    case 'roots':
    case 'listing roots':
      return unavailable.roots;
    default:
      return unavailable.elicitation;
  }
}

/**
 * The error in the codes of JSON-RPC 2.0 §5.1 and of the revision, with a message for people. For invalid
 * parameters the SDK sends the report of its validator, mostly as an internal error; and until 2025-11-25 a resource that
 * does not exist has a code of its kind (MCP 2025-11-25, resources, error handling), which the SDK does not send.
 */
function plain(error: RpcError, era: 'legacy' | 'modern'): RpcError {
  const input = unavailableInput(error.message);
  if (input !== undefined) return { ...error, message: input };
  const issue = issueIn(error.message);
  if (issue) return { code: INVALID_PARAMS, message: describe(issue) };
  const isNotFound = era === 'legacy' && error.code === INVALID_PARAMS && isResourceNotFound(error.data);
  return isNotFound ? { ...error, code: RESOURCE_NOT_FOUND } : error;
}

/** The first issue about the parameters in a report of zod. */
function issueIn(text: string): Issue | undefined {
  const [, report] = /^(?:Invalid \S+ request: )?(\[\n {2}\{\n[\s\S]*\])$/.exec(text) ?? [];
  if (report === undefined) return undefined;
  try {
    const [issue] = JSON.parse(report) as Partial<Issue>[];
    const isOfParams = issue?.path?.[0] === 'params' && typeof issue.message === 'string';
    return isOfParams ? (issue as Issue) : undefined;
  } catch {
    // A tool may throw text that only begins like a report.
    return undefined;
  }
}

function describe({ path, message }: Issue): string {
  const member = path.slice(1).map(String).join('.');
  const reason = message.replace(/^Invalid input: /, '');
  const text = singleLine(`Invalid params: ${member === '' ? '' : `${member}: `}${reason}`);
  return shorten(text, LONGEST_MESSAGE);
}

function isResourceNotFound(data: unknown): boolean {
  const { uri, reason } = (data ?? {}) as { uri?: unknown; reason?: unknown };
  return typeof uri === 'string' && reason === undefined;
}
