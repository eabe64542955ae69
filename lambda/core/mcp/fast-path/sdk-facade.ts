/**
 * Parts of the bundle's stand-in for `@modelcontextprotocol/server` (`lib/bundle/server-bundle.ts`): the exports that
 * need not load the SDK, and the means to load it.
 */
export * as light from './light-sdk.ts';
export { provideSdkPath, sdkPath } from './sdk-on-demand.ts';
