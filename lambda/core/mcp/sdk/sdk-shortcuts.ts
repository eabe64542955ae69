import {
  type InitializeRequest,
  type JSONRPCMessage,
  type McpServer,
  type MessageExtraInfo,
  specTypeSchemas,
} from '@modelcontextprotocol/server';
import type { Initialize } from '../../sessions/session.ts';
import { deepFreeze } from '../../support/deep-freeze.ts';

/**
 * Two shortcuts into the SDK's server, past what it does for messages of which nothing is known. They call what is no
 * public part of it, so each says whether it could be taken: a server without it is sent the messages. That both ways
 * come to the same is held by `test/core/mcp/sdk-shortcuts.test.ts`.
 */
type Inner = {
  _oninitialize?: (request: { method: string; params: object }) => Promise<unknown>;
  _onrequest?: (request: JSONRPCMessage, extra: MessageExtraInfo) => void;
};

const inner = ({ server }: McpServer) => server as unknown as Inner;

/**
 * Tells a server what its session's client said in `initialize`, without the messages: the SDK would look at them in every
 * form that a message can have, and make an answer that nobody reads.
 *
 * @returns false when the server has to be sent the messages
 */
export async function replayInitialize(server: McpServer, initialize: Initialize): Promise<boolean> {
  const { _oninitialize } = inner(server);
  if (typeof _oninitialize !== 'function') return false;
  const request = requestOf(initialize);
  if (!request) return false;
  await _oninitialize.call(server.server, request);
  const { server: its } = server;
  // As the SDK has it: what fails in there is told of, and nothing else comes of it.
  if (its.oninitialized) {
    void Promise.resolve()
      .then(() => its.oninitialized?.())
      .catch((error) => its.onerror?.(error));
  }
  return true;
}

/** What clients have said in `initialize`, by its text: a client says the same in each of its sessions. */
const requests = new Map<string, InitializeRequest>();
const MOST_REQUESTS = 100;

/** As the SDK reads it. @returns nothing when it would refuse it */
function requestOf(params: Initialize): InitializeRequest | undefined {
  const text = JSON.stringify(params);
  const known = requests.get(text);
  if (known) return known;
  const read = specTypeSchemas.InitializeRequest['~standard'].validate({ method: 'initialize', params });
  if (read instanceof Promise || read.issues) return undefined;
  if (requests.size === MOST_REQUESTS) requests.clear();
  requests.set(text, deepFreeze(read.value));
  return read.value;
}

/**
 * Hands a server a message that is known to be a request.
 *
 * @returns false when it is none, or the server has to be sent the message as any other
 */
export function deliverRequest(server: McpServer, message: JSONRPCMessage, extra: MessageExtraInfo): boolean {
  const { _onrequest } = inner(server);
  if (!('method' in message) || typeof _onrequest !== 'function') return false;
  _onrequest.call(server.server, message, extra);
  return true;
}
