/** The exports of `holdfast/server`, for a server and its tools. */
export { assetPath } from './adapters/asset-path.ts';
export type { CreateServer } from './core/mcp/sdk/owner-server.ts';
export type { ToolContext } from './core/mcp/tool-context.ts';
export { StateConflict } from './core/mcp/tool-state.ts';
export { type Upstream, upstream } from './upstream.ts';
