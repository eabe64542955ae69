import type { JSONRPCRequest } from '@modelcontextprotocol/server';
import type { Session, SessionPreferences } from '../../sessions/session.ts';

/** Stores a preference of a session's client, for the process that receives its next request. */
export type SavePreferences = (session: Session, preferences: SessionPreferences) => Promise<void>;

/** A session is a small item, so longer URIs are not subscribed. */
const LONGEST_URI = 1024;

/** The preference that a request sets, which later processes have to know. */
export function preferencesIn({ method, params }: JSONRPCRequest): SessionPreferences | undefined {
  switch (method) {
    case 'logging/setLevel':
      return { logLevel: String(params?.level) };
    case 'resources/subscribe':
      return isShort(params?.uri) ? { subscribed: params.uri } : undefined;
    case 'resources/unsubscribe':
      return isShort(params?.uri) ? { unsubscribed: params.uri } : undefined;
    default:
      return undefined;
  }
}

const isShort = (uri: unknown): uri is string => typeof uri === 'string' && uri.length <= LONGEST_URI;
