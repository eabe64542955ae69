import { isLiveGrant } from '../access/grant.ts';
import { endOf, isError, type ToolCallPage } from '../audit/tool-call.ts';
import type { Session } from '../sessions/session.ts';
import type { ListedGrant } from './directory.ts';

/** A session as its calls in the audit log show it. Times are epoch milliseconds. */
export type SessionSummary = {
  id: string;
  grant: string;
  user: string;
  client: string;
  /** As in `ToolCall`, of the latest call. */
  registeredName?: string;
  /** From the latest `clientInfo`. */
  clientName?: string;
  era: Session['era'];
  firstCallAt: number;
  lastCallAt: number;
  calls: number;
  /** Calls whose outcome `isError`. */
  errors: number;
  /** Whether the session has more calls than were read: then the counts are of the first ones. */
  isPartial: boolean;
  /** Absent while the session is live. */
  ended?: 'closed by the client' | 'expired' | 'revoked';
};

/**
 * Derives the summary from the calls, so that a call costs no second write. A session without calls has none.
 *
 * @param page the first calls of the session in the order of their start
 * @param session the stored session; undefined when it is deleted
 * @param grant undefined when it is deleted
 * @param now epoch seconds
 */
export function summarizeSession(
  { calls, next }: ToolCallPage,
  session: Session | undefined,
  grant: ListedGrant | undefined,
  now: number,
): SessionSummary | undefined {
  const [first] = calls;
  const last = calls.at(-1);
  if (!first || !last) return undefined;
  const ended = endingOf(session?.id === first.session ? session : undefined, grant, now);
  return {
    id: first.session,
    grant: first.grant,
    user: first.user,
    client: first.client,
    ...(last.registeredName !== undefined && { registeredName: last.registeredName }),
    ...(last.clientName !== undefined && { clientName: last.clientName }),
    era: first.era,
    firstCallAt: first.at,
    lastCallAt: Math.max(...calls.map(endOf)),
    calls: calls.length,
    errors: calls.filter(({ outcome }) => isError(outcome)).length,
    isPartial: next !== undefined,
    ...(ended && { ended }),
  };
}

function endingOf(session: Session | undefined, grant: ListedGrant | undefined, now: number): SessionSummary['ended'] {
  if (session?.endedAt !== undefined) return session.endedBy === 'revocation' ? 'revoked' : 'closed by the client';
  // A session that expired before the revocation of its grant is expired.
  const isRevoked = grant?.status === 'revoked' && (grant.revokedAt ?? 0) < (session?.expiresAt ?? 0);
  if (isRevoked) return 'revoked';
  if (!session || session.expiresAt <= now) return 'expired';
  return grant && !isLiveGrant(grant, now) ? 'expired' : undefined;
}
