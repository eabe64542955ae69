import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import { missingGroups, missingScopes, type ScopeSet, stepUpChallenge } from '../../shared/scope-set.ts';
import type { Caller } from '../access/caller.ts';
import { resourceMetadataUrl } from '../oauth/endpoints/protected-resource-metadata.ts';
import { jsonRpcError } from './json-rpc-error.ts';
import type { McpRequest, McpResponse } from './mcp-http.ts';
import { hasMethod, messagesIn } from './message-reader.ts';

/**
 * Rejects calls of tools for which the token lacks a scope. In the 2026 era the authorizer has decided by the headers; here
 * the body decides, in both eras, because older clients may send any header and newer ones another spelling. A header that
 * names another tool than the body is rejected as the protocol requires (-32020).
 *
 * @returns the rejection; undefined when each tool may be called
 */
export function checkScopes(
  { headers }: McpRequest,
  { body, caller, isLegacy }: { body: unknown; caller: Caller; isLegacy: boolean },
  { scopes, publicUrl }: { scopes: ScopeSet; publicUrl: string },
): McpResponse | undefined {
  for (const { message, name } of toolCallsIn(body)) {
    const missing = missingScopes(caller.scopes, name, scopes);
    if (!missing) continue;
    if (!isLegacy && decodedName(headers.get('mcp-name')) !== name) {
      return jsonRpcError(400, -32020, 'Header mismatch: Mcp-Name differs from the tool in the body', {}, message);
    }
    const scope = missing.join(' ');
    const text = `Insufficient scope: ${name} needs ${scope}. Ask the user to connect again with it`;
    const challenge = stepUpChallenge(missing, resourceMetadataUrl(publicUrl));
    const data = { error: 'insufficient_scope', scope };
    return jsonRpcError(403, -32000, text, { 'WWW-Authenticate': challenge }, message, data);
  }
  return undefined;
}

/**
 * Rejects calls of tools that require a group which the user is not in. No scope and no other sign-in cures it, so it is no
 * challenge: the client shows the error.
 *
 * @returns the rejection; undefined when each tool may be called
 */
export function checkGroups(body: unknown, groups: readonly string[], scopes: ScopeSet): McpResponse | undefined {
  for (const { message, name } of toolCallsIn(body)) {
    const needed = missingGroups(groups, name, scopes);
    if (!needed) continue;
    const text = `Not permitted: ${name} needs the group ${needed.join(' or ')}. Ask your administrator`;
    // The error answers one request. The requests of a batch are rejected by the status.
    return jsonRpcError(Array.isArray(body) ? 403 : 200, -32000, text, {}, message, { error: 'insufficient_group' });
  }
  return undefined;
}

/** The tool calls of a message or a batch, with the names of their tools. */
function toolCallsIn(body: unknown): { message: unknown; name: string }[] {
  const calls = [];
  for (const message of messagesIn(body)) {
    if (!hasMethod('tools/call', message)) continue;
    const { name } = ((message as { params?: unknown }).params ?? {}) as { name?: unknown };
    if (typeof name === 'string') calls.push({ message, name });
  }
  return calls;
}

type ToolList = { tools: { name: string }[]; cacheScope?: string };

/**
 * The response to `tools/list` without the tools that require a group which the user is not in. A tool whose scope the token
 * lacks stays: its call has the client request the scope.
 *
 * The list is then that of one user, so no cache may share it (`cacheScope`, MCP 2026-07-28).
 *
 * @param body the message or the batch that the server answers
 */
export function withoutHiddenTools<M extends JSONRPCMessage>(
  message: M,
  body: unknown,
  groups: readonly string[],
  scopes: ScopeSet,
): M {
  if (!('result' in message) || !isToolList(message.result) || !answersToolList(message.id, body)) return message;
  const { tools, cacheScope } = message.result;
  const names = Object.keys(scopes.tools);
  if (!names.some((name) => missingGroups([], name, scopes))) return message;
  const visible = tools.filter(({ name }) => !missingGroups(groups, name, scopes));
  const result = { ...message.result, tools: visible, ...(cacheScope !== undefined && { cacheScope: 'private' }) };
  return { ...message, result };
}

const isToolList = (result: object): result is ToolList => 'tools' in result && Array.isArray(result.tools);

const answersToolList = (id: unknown, body: unknown): boolean =>
  (messagesIn(body) as { id?: unknown; method?: unknown }[]).some(
    (message) => message?.method === 'tools/list' && message.id === id,
  );

/** The value of `Mcp-Name`; Base64 carries names that a header cannot (MCP 2026-07-28, value encoding). */
function decodedName(header: string | null): string | undefined {
  const encoded = /^=\?base64\?((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)\?=$/.exec(
    header ?? '',
  )?.[1];
  if (encoded === undefined) return header ?? undefined;
  return new TextDecoder().decode(Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0)));
}
