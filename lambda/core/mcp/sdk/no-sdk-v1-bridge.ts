import type * as bridge from './sdk-v1-bridge.ts';

/** In bundles without SDK v1, which the owner's code then reaches under another name. */
const lack = (): never => {
  throw new Error('The server is of SDK v1, which the bundle lacks; import @modelcontextprotocol/sdk/types.js');
};

export const bridgeSdkV1: typeof bridge.bridgeSdkV1 = lack;
export const awaitSdkV1Tasks: typeof bridge.awaitSdkV1Tasks = lack;
