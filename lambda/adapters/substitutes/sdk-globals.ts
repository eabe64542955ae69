/** What the MCP SDK finds in place of the platform's, in the bundles (`lib/bundle/function-bundle.ts`). */
export { McpResponse as Response } from '../../core/mcp/mcp-http.ts';
