import { namesOf } from '../../lambda/core/dashboard/dashboard-rows.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { plain } from '../output/plain-text.ts';
import { UsageError } from '../usage-error.ts';
import type { Deployment } from './deployment.ts';
import { everyOf, pages } from './paging.ts';

const wholeKey = /^[\w-]{43}$/;
const beginningOfKey = /^[\w-]{6,42}$/;
/** As many of a key's first characters as people are shown. */
export const SHOWN_OF_KEY = 12;
const MOST_NAMED = 10;

/** A user in a table: the name where names are shown, or else as much of the key as `--user` wants. */
export const userText = ({ user, userName }: { user: string; userName?: string }): string =>
  userName ?? user.slice(0, SHOWN_OF_KEY);

/**
 * The key of a user who is given as key, as its beginning, or by name.
 *
 * @throws Mistake when there is nobody, Misuse when several may be meant
 */
export async function resolveUser(deployment: Deployment, given: string): Promise<string> {
  if (wholeKey.test(given)) return given;
  const candidates = new Map<string, string | undefined>();
  for await (const { user, userName } of knownUsers(deployment)) {
    if (userName === given || (beginningOfKey.test(given) && user.startsWith(given))) candidates.set(user, userName);
  }
  const [found, ...others] = candidates.keys();
  if (found !== undefined && others.length === 0) return found;
  const quoted = JSON.stringify(given);
  if (found === undefined) {
    const named = deployment.userNames ? 'is called so or has' : 'has';
    const length = given.length < 6 ? ' At least six characters of it are needed.' : '';
    throw new ConfigurationError(
      plain(`No user ${named} a key that begins with ${quoted}.${length} npx holdfast users list shows them.`),
    );
  }
  const lines = [...candidates]
    .slice(0, MOST_NAMED)
    .map(([user, name]) => `  ${user}${name ? `  ${plain(name)}` : ''}`);
  const more = candidates.size > MOST_NAMED ? `\n  and ${candidates.size - MOST_NAMED} more` : '';
  throw new UsageError(`${quoted} may be any of these; write more of the key:\n${lines.join('\n')}${more}`);
}

/** As above, where a user may be left out. */
export const resolveUserIfGiven = async (deployment: Deployment, given: string | undefined) =>
  given === undefined ? undefined : resolveUser(deployment, given);

/** Those who have signed in; in direct mode nobody does so here, so there it is those who have had sessions. */
async function* knownUsers(deployment: Deployment): AsyncGenerator<{ user: string; userName?: string }> {
  const { directory } = deployment;
  for await (const { items } of pages(directory.recentUsers, { limit: 1, all: true })) {
    const name = await namesOf(
      deployment,
      items.map(({ user }) => user),
    );
    for (const { user } of items) yield { user, ...name(user) };
  }
  if (deployment.isDirect !== false) for await (const { user } of everyOf(directory.recentSessions)) yield { user };
}
