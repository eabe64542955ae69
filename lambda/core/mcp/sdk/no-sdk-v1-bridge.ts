import type * as bridge from './sdk-v1-bridge.ts';

/** In bundles without SDK v1, which the owner's code then reaches under another name. */
export const bridgeSdkV1: typeof bridge.bridgeSdkV1 = () => {
  throw new Error('The server is of SDK v1, which the bundle lacks; import @modelcontextprotocol/sdk/types.js');
};
