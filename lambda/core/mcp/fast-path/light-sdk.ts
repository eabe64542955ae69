/** The exports of `@modelcontextprotocol/server` that need not load it. `sdk-on-demand.ts` has the others. */

export { completable } from './light-completions.ts';
export { LightServer as McpServer } from './light-server.ts';
export { LightTemplate as ResourceTemplate } from './light-template.ts';
export {
  CAPABILITIES_KEY as CLIENT_CAPABILITIES_META_KEY,
  CLIENT_KEY as CLIENT_INFO_META_KEY,
  SUPPORTED_PROTOCOL_VERSIONS,
  VERSION_KEY as PROTOCOL_VERSION_META_KEY,
} from './plain-values.ts';
