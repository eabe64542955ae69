import { type Grant, isLiveGrant } from '../access/grant.ts';
import type { ToolCallPage } from '../audit/tool-call.ts';
import type { Session } from '../sessions/session.ts';

/** What a session looks like on record. Times are epoch milliseconds. */
export type SessionSummary = {
  id: string;
  grant: string;
  user: string;
  client: string;
  /** As the client called itself last. */
  clientName?: string;
  era: Session['era'];
  firstCallAt: number;
  lastCallAt: number;
  calls: number;
  /** Those of them that did not succeed. */
  errors: number;
  /** Whether there were more calls than were looked at: then the counts are of the first ones. */
  isPartial: boolean;
  /** How it ended; absent while it goes on. */
  ended?: 'closed by the client' | 'expired' | 'revoked';
};

/**
 * A session as its calls tell of it, so that no call costs a second write: it begins with the first of them, and one
 * without calls is not on record.
 *
 * @param page its calls in the order they began, from the first one on
 * @param session as it stands in the store, under its own name, `CURRENT` or `formerName`; absent when it has gone
 * @param grant absent when it has gone
 * @param now epoch seconds
 */
export function summarizeSession(
  { calls, next }: ToolCallPage,
  session: Session | undefined,
  grant: Grant | undefined,
  now: number,
): SessionSummary | undefined {
  const [first] = calls;
  const last = calls.at(-1);
  if (!first || !last) return undefined;
  const ended = endOf(session?.id === first.session ? session : undefined, grant, now);
  return {
    id: first.session,
    grant: first.grant,
    user: first.user,
    client: first.client,
    ...(last.clientName !== undefined && { clientName: last.clientName }),
    era: first.era,
    firstCallAt: first.at,
    lastCallAt: Math.max(...calls.map(({ at, milliseconds }) => at + milliseconds)),
    calls: calls.length,
    errors: calls.filter(({ outcome }) => outcome !== 'success').length,
    isPartial: next !== undefined,
    ...(ended && { ended }),
  };
}

function endOf(session: Session | undefined, grant: Grant | undefined, now: number): SessionSummary['ended'] {
  if (session?.endedAt !== undefined) return session.endedBy === 'revocation' ? 'revoked' : 'closed by the client';
  // What has run out before its grant was revoked had expired.
  const revoked = grant?.status === 'revoked' && (grant.revokedAt ?? 0) < (session?.expiresAt ?? 0);
  if (revoked) return 'revoked';
  if (!session || session.expiresAt <= now) return 'expired';
  return grant && !isLiveGrant(grant, now) ? 'expired' : undefined;
}
