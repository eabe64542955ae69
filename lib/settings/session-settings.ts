import { type Limits, quoted, validateChoice, validateNumber, type WithDefaults } from './setting-validation.ts';

export interface SessionSettings {
  /**
   * Time after its last request at which a session expires, in hours.
   * @default 24
   */
  readonly sessionTtlHours?: number;
  /**
   * The session TTL of users in certain groups, in hours by group name. The shortest TTL applies to a user in several
   * of these groups.
   * @default - `sessionTtlHours` for every user
   */
  readonly sessionTtlHoursByGroup?: Readonly<Record<string, number>>;
  /**
   * The response to the id of an expired or unknown session: `renew` starts a fresh session of the same user, `reject`
   * answers 404 as the specification requires, from which most clients do not recover.
   * @default 'renew'
   */
  readonly staleSession?: 'renew' | 'reject';
}

export const sessionDefaults = { sessionTtlHours: 24, staleSession: 'renew' } satisfies SessionSettings;

const sessionTtlLimits: Limits = { min: 0.01, max: 24 * 90, reason: 'a session does not outlive the longest grant' };

/** Yields an error message for each invalid setting. */
export function* validateSessions(settings: WithDefaults<SessionSettings, typeof sessionDefaults>): Generator<string> {
  yield* validateNumber('sessionTtlHours', settings.sessionTtlHours, sessionTtlLimits);
  for (const [group, hours] of Object.entries(settings.sessionTtlHoursByGroup ?? {})) {
    yield* validateNumber(`sessionTtlHoursByGroup[${quoted(group)}]`, hours, sessionTtlLimits);
  }
  yield* validateChoice('staleSession', settings.staleSession, ['renew', 'reject']);
}
