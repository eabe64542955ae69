import { missingScopes, type ScopeSet, stepUpChallenge } from '../../shared/scope-set.ts';
import type { Caller } from '../access/caller.ts';
import { resourceMetadataUrl } from '../oauth/endpoints/protected-resource-metadata.ts';
import { jsonRpcError } from './json-rpc-error.ts';
import type { McpRequest, McpResponse } from './mcp-http.ts';
import { hasMethod } from './message-reader.ts';

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
  for (const message of Array.isArray(body) ? body : [body]) {
    if (!hasMethod('tools/call', message)) continue;
    const { name } = ((message as { params?: unknown }).params ?? {}) as { name?: unknown };
    if (typeof name !== 'string') continue;
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

/** The value of `Mcp-Name`; Base64 carries names that a header cannot (MCP 2026-07-28, value encoding). */
function decodedName(header: string | null): string | undefined {
  const encoded = /^=\?base64\?((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)\?=$/.exec(
    header ?? '',
  )?.[1];
  if (encoded === undefined) return header ?? undefined;
  return new TextDecoder().decode(Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0)));
}
