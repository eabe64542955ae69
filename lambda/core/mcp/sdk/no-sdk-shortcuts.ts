import type * as shortcuts from './sdk-shortcuts.ts';

/** `parts: 'stock'`: the SDK's server is sent the messages, whatever is known of them. */
export const replayInitialize: typeof shortcuts.replayInitialize = async () => false;
export const deliverRequest: typeof shortcuts.deliverRequest = () => false;
