import { namesOf } from '../../lambda/core/dashboard/dashboard-rows.ts';
import { quotedName, singleLine } from '../../lambda/core/support/untrusted-text.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { UsageError } from '../command-errors.ts';
import type { Deployment } from './deployment.ts';
import { allItems, pages } from './paging.ts';

const wholeKey = /^[\w-]{43}$/;
const keyPrefix = /^[\w-]{6,42}$/;
const SHORTEST_PREFIX = 6;
const LABEL_CHARACTERS = 12;
const MOST_CANDIDATES = 10;

/** A user in a list: the name if the deployment stores names, otherwise a key prefix that `--user` accepts. */
export const userLabel = ({ user, userName }: { user: string; userName?: string }): string =>
  userName ?? user.slice(0, LABEL_CHARACTERS);

/** A user in a sentence. */
export const quotedUser = ({ user, userName }: { user: string; userName?: string }): string =>
  userName === undefined ? userLabel({ user }) : quotedName(userName);

/**
 * The key of a user given as key, key prefix or name.
 *
 * @throws ConfigurationError when none matches
 * @throws UsageError when several match
 */
export async function resolveUser(deployment: Deployment, given: string): Promise<string> {
  if (wholeKey.test(given)) return given;
  const candidates = new Map<string, string | undefined>();
  for await (const { user, userName } of allUsers(deployment)) {
    if (userName === given || (keyPrefix.test(given) && user.startsWith(given))) candidates.set(user, userName);
  }
  const [match, ...others] = candidates.keys();
  if (match !== undefined && others.length === 0) return match;
  if (match === undefined) throw unknownUser(given, deployment.userNames !== undefined);
  throw ambiguousUser(given, candidates);
}

export const resolveUserIfGiven = async (deployment: Deployment, given: string | undefined) =>
  given === undefined ? undefined : resolveUser(deployment, given);

function unknownUser(given: string, hasNames: boolean): ConfigurationError {
  const criteria = hasNames ? 'name or key prefix' : 'key prefix';
  const hint =
    given.length < SHORTEST_PREFIX
      ? `A key prefix has at least ${SHORTEST_PREFIX} characters.`
      : 'npx holdfast users list shows the users.';
  return new ConfigurationError(`No user with ${criteria} ${JSON.stringify(given)}. ${hint}`);
}

function ambiguousUser(given: string, candidates: Map<string, string | undefined>): UsageError {
  const lines = [...candidates]
    .slice(0, MOST_CANDIDATES)
    .map(([user, name]) => `  ${user}${name ? `  ${singleLine(name)}` : ''}`);
  if (candidates.size > MOST_CANDIDATES) lines.push(`  and ${candidates.size - MOST_CANDIDATES} more`);
  return new UsageError(
    `${JSON.stringify(given)} matches several users; pass a longer key prefix:\n${lines.join('\n')}`,
  );
}

/** Users who have signed in. In direct mode they sign in at the identity provider: users of sessions stand in. */
async function* allUsers(deployment: Deployment): AsyncGenerator<{ user: string; userName?: string }> {
  const { directory } = deployment;
  for await (const { items } of pages(directory.recentUsers, { limit: 1, all: true })) {
    const name = await namesOf(
      deployment,
      items.map(({ user }) => user),
    );
    for (const { user } of items) yield { user, ...name(user) };
  }
  if (deployment.isDirect) for await (const { user } of allItems(directory.recentSessions)) yield { user };
}
