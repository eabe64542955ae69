import type * as shortcuts from './sdk-shortcuts.ts';

/** `optimizations: false`: the SDK's server receives every message. */
export const replayInitialize: typeof shortcuts.replayInitialize = async () => false;
export const deliverRequest: typeof shortcuts.deliverRequest = () => false;
