import { setTimeout as sleep } from 'node:timers/promises';
import { revokeGrantsOf } from '../../lambda/core/admin/revocation.ts';
import type { Deployment } from './deployment.ts';

/** Items that are deleted before one hears how far it has come. */
const AT_ONCE = 500;
/** Indexes are a moment behind the table: what they still hide is found when one looks again. */
const LOOK_AGAIN_MILLISECONDS = 1000;

/** Ends a user's access, so that nothing is added while the rest goes; then takes away everything until nothing is left. */
export async function eraseAll(
  deployment: Deployment,
  user: string,
  progress: (items: number) => void,
): Promise<{ revoked: number; items: number }> {
  const revoked = await revokeGrantsOf(user, deployment, deployment.seconds());
  let items = 0;
  for (let timesNothing = 0; timesNothing < 2; ) {
    const erased = await deployment.erasure.erase(user, AT_ONCE, deployment.now());
    items += erased.items;
    progress(items);
    if (!erased.done) continue;
    timesNothing = erased.items === 0 ? timesNothing + 1 : 0;
    if (timesNothing < 2) await sleep(LOOK_AGAIN_MILLISECONDS);
  }
  return { revoked, items };
}
