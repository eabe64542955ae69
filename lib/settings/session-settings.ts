import { Duration } from 'aws-cdk-lib/core';
import {
  type DurationLimits,
  quoted,
  validateChoice,
  validateDuration,
  type WithDefaults,
} from './setting-validation.ts';

export interface SessionSettings {
  /**
   * Time after its last request at which a session expires. The table is updated once in a twenty-fourth of this time (a minute
   * at least, an hour at most, a tenth of a short time), so a session may expire that much earlier.
   * @default Duration.hours(24)
   */
  readonly sessionTtl?: Duration;
  /**
   * The session TTL of users in certain groups, by group name. The shortest TTL applies to a user in several
   * of these groups.
   * @default - `sessionTtl` for every user
   */
  readonly sessionTtlByGroup?: Readonly<Record<string, Duration>>;
  /**
   * The response to the id of an expired or unknown session: `renew` starts a fresh session of the same user, `reject`
   * answers 404 as the specification requires, from which most clients do not recover.
   * @default 'renew'
   */
  readonly staleSession?: 'renew' | 'reject';
}

export const sessionDefaults = { sessionTtl: Duration.hours(24), staleSession: 'renew' } satisfies SessionSettings;

const sessionTtlLimits: DurationLimits = {
  min: Duration.seconds(36),
  max: Duration.days(90),
  reason: 'a session does not outlive the longest grant',
};

/** Yields an error message for each invalid setting. */
export function* validateSessions(settings: WithDefaults<SessionSettings, typeof sessionDefaults>): Generator<string> {
  yield* validateDuration('sessionTtl', settings.sessionTtl, sessionTtlLimits);
  for (const [group, ttl] of Object.entries(settings.sessionTtlByGroup ?? {})) {
    yield* validateDuration(`sessionTtlByGroup[${quoted(group)}]`, ttl, sessionTtlLimits);
  }
  yield* validateChoice('staleSession', settings.staleSession, ['renew', 'reject']);
}
