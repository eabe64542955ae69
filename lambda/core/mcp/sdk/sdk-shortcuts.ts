import {
  type InitializeRequest,
  type JSONRPCMessage,
  type MessageExtraInfo,
  specTypeSchemas,
} from '@modelcontextprotocol/server';
import type { Initialize } from '../../sessions/session.ts';
import { deepFreeze } from '../../support/deep-freeze.ts';
import { type OwnerServer, protocolServerOf } from './owner-server.ts';
import { initializeHandler, requestHandler } from './sdk-internals.ts';

/**
 * Two shortcuts past the SDK's message parsing, for messages that are already known. Each returns false where the SDK does
 * not allow it, and the caller then sends the message. `test/core/mcp/sdk-shortcuts.test.ts` compares both ways.
 */

/**
 * Gives a server the `initialize` parameters of its session, without the messages: the SDK would try them in every form of
 * a message and build a response that is discarded.
 *
 * @returns false when the server needs the messages
 */
export async function replayInitialize(server: OwnerServer, initialize: Initialize): Promise<boolean> {
  const handle = initializeHandler(server);
  const request = handle && parsedRequest(initialize);
  if (!handle || !request) return false;
  await handle(request);
  const inner = protocolServerOf(server);
  // As the SDK does it: an error of `oninitialized` is reported and has no other effect.
  if (inner.oninitialized) {
    void Promise.resolve()
      .then(() => inner.oninitialized?.())
      .catch((error) => inner.onerror?.(error));
  }
  return true;
}

/** Parsed `initialize` requests by their JSON: a client sends the same in each of its sessions. */
const parsedRequests = new Map<string, InitializeRequest>();
const MOST_REQUESTS = 100;

/** As the SDK parses it. @returns undefined when the SDK would reject it */
export function parsedRequest(params: Initialize): InitializeRequest | undefined {
  const text = JSON.stringify(params);
  const parsed = parsedRequests.get(text);
  if (parsed) return parsed;
  const result = specTypeSchemas.InitializeRequest['~standard'].validate({ method: 'initialize', params });
  if (result instanceof Promise || result.issues) return undefined;
  if (parsedRequests.size === MOST_REQUESTS) parsedRequests.clear();
  parsedRequests.set(text, deepFreeze(result.value));
  return result.value;
}

/**
 * Delivers a message that is known to be a request.
 *
 * @returns false when it is not a request, or the server needs the message
 */
export function deliverRequest(server: OwnerServer, message: JSONRPCMessage, extra: MessageExtraInfo): boolean {
  if (!('method' in message) || !('id' in message)) return false;
  const handle = requestHandler(server);
  if (!handle) return false;
  handle(message, extra);
  return true;
}
