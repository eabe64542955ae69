import type { Session } from '../../sessions/session.ts';

const revisionOf = ({ initialize }: Session) => initialize?.protocolVersion ?? '';

/** Whether the client supports priming events, and returns for a stream that ends early (since 2025-11-25). */
export const supportsPriming = (session: Session): boolean => revisionOf(session) >= '2025-11-25';

/** Revisions with JSON-RPC batches; 2025-06-18 removed them. */
const BATCHING_REVISIONS = ['2025-03-26', '2024-11-05', '2024-10-07'];

export const supportsBatches = (session: Session): boolean => BATCHING_REVISIONS.includes(revisionOf(session));
