/** Replaces the platform's globals for the MCP SDK in the bundles (`lib/bundle/function-bundle.ts`). */
export { McpResponse as Response } from '../../core/mcp/mcp-http.ts';
