import type { AuthInfo } from '@modelcontextprotocol/server';
import type { McpExchange } from '../mcp-exchange.ts';

/** The caller in the SDK's form. The client's token is left out, so that no tool can pass it on. */
export function authInfo({ caller: { client, scopes, expiresAt }, context }: McpExchange): AuthInfo {
  return { token: '', clientId: client, scopes, expiresAt, extra: { context } };
}
