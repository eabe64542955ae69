/** What the MCP SDK finds in place of the platform's, in the bundles (`lib/bundle.ts`). */
export { Response } from '../core/http.ts';
