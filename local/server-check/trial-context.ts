import { memoryStateStore } from '../../lambda/adapters/memory/memory-state-store.ts';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import { createToolContext, type ToolContext } from '../../lambda/core/mcp/tool-context.ts';
import { ToolSecrets } from '../../lambda/core/mcp/tool-secrets.ts';
import { epochSeconds } from '../../lambda/core/support/clock.ts';
import { secretArns } from '../../lambda/shared/environment.ts';

/** A context, and whether the server has read it. */
export type TrialContext = { context: ToolContext; isRead: () => boolean };

const NAME = 'holdfast-check';
const ISSUER = 'https://check.invalid';
const ONE_HOUR = 3600;

/** The context of a user without groups and data, with the secrets of the function whose environment this process has. */
export function trialContext(scopes: string[]): TrialContext {
  const now = epochSeconds(systemClock);
  const log = () => undefined;
  const secrets = new ToolSecrets({
    arns: secretArns(process.env),
    read: async (arn) => (await import('../../lambda/adapters/secret-reader.ts')).readSecret(arn),
    clock: systemClock,
    log,
  });
  const members = { id: NAME, user: NAME, grant: NAME, client: NAME };
  const created = createToolContext(
    { state: memoryStateStore(), upstream: undefined, secrets, clock: systemClock, log },
    { ...members, scopes, expiresAt: now + ONE_HOUR },
    {
      grant: { ...members, issuer: ISSUER, subject: NAME, groups: [], clientName: NAME },
      session: { ...members, era: 'legacy', startedAt: now, lastSeenAt: now, expiresAt: now + ONE_HOUR },
    },
    undefined,
    () => undefined,
  );
  let isRead = false;
  const context: ToolContext = { ...created, longRunning: (callback) => callback };
  return {
    context: new Proxy(context, {
      get(target, member, receiver) {
        if (member !== 'longRunning') isRead = true;
        return Reflect.get(target, member, receiver);
      },
    }),
    isRead: () => isRead,
  };
}
