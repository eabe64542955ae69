import type { AuthInfo, MessageExtraInfo } from '@modelcontextprotocol/server';
import type { McpExchange } from '../mcp-exchange.ts';
import { type ToolRequest, toPlatformRequest } from '../mcp-http.ts';

/** The caller in the SDK's form. The client's token is left out, so that no tool can pass it on. */
export function authInfo({ caller: { client, scopes, expiresAt }, context }: McpExchange): AuthInfo {
  return { token: '', clientId: client, scopes, expiresAt, extra: { context } };
}

/** The request in the form of SDK v1: `extra.requestInfo` of its handlers. */
export const requestInfo = ({ headers, url }: Pick<ToolRequest, 'headers' | 'url'>) => ({
  headers: Object.fromEntries(headers),
  url: new URL(url),
});

/**
 * Caller and request, as the servers of both SDKs receive them with a message of the 2025 era.
 *
 * @param closeSSEStream ends the stream of the response, for clients that resume it
 */
export function requestExtra(
  exchange: McpExchange,
  closeSSEStream?: () => void,
): MessageExtraInfo & { readonly requestInfo: ReturnType<typeof requestInfo> } {
  const { request } = exchange;
  return {
    authInfo: authInfo(exchange),
    request: toPlatformRequest(request),
    ...(closeSSEStream && { closeSSEStream }),
    // Only SDK v1 reads it.
    get requestInfo() {
      return requestInfo(request);
    },
  };
}
