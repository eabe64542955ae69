import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import { shorten, singleLine } from '../support/untrusted-text.ts';

const INVALID_PARAMS = -32602;
const RESOURCE_NOT_FOUND = -32002;
const LONGEST_MESSAGE = 100;

type Issue = { path: PropertyKey[]; message: string };

/**
 * The error response in the codes of JSON-RPC 2.0 §5.1 and of the revision, with a message for people. For invalid
 * parameters the SDK sends the report of its validator, mostly as an internal error; and until 2025-11-25 a resource that
 * does not exist has a code of its kind (MCP 2025-11-25, resources, error handling), which the SDK does not send.
 */
export function plainError<M extends JSONRPCMessage>(message: M, era: 'legacy' | 'modern'): M {
  if (!('error' in message)) return message;
  const { error } = message;
  const issue = issueIn(error.message);
  if (issue) {
    const { data: _, ...rest } = error;
    return { ...message, error: { ...rest, code: INVALID_PARAMS, message: describe(issue) } };
  }
  if (era === 'legacy' && error.code === INVALID_PARAMS && isResourceNotFound(error.data)) {
    return { ...message, error: { ...error, code: RESOURCE_NOT_FOUND } };
  }
  return message;
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
