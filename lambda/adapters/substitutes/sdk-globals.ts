/** Replaces the platform's globals for the MCP SDK in the bundles (`lib/bundle/server-bundle.ts`). */
export { McpResponse as Response } from '#mcp-http';
