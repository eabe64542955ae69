import * as itemType from '../../lambda/shared/item-types.ts';
import { EXPORT_PROGRESS, type ItemKind, keyPrefix } from '../../lambda/shared/table-keys.ts';

const [hour, day] = [3600, 24 * 3600];

type StoredItem = Record<string, unknown> & { pk: string; sk: string };

/** The longest time from now to the end of an item, in seconds (docs/data-model.md); `undefined` if it lives on. */
const longestSeconds: Record<ItemKind, number | undefined> = {
  client: 120 * day,
  clientDocument: 8 * day,
  rateLimit: hour,
  spentAssertion: day,
  authorizationRequest: 600,
  signIn: 600,
  code: hour + 60,
  grant: 90 * day,
  upstreamTokens: 90 * day,
  sessions: 31 * day,
  importedSessions: 31 * day,
  executions: day,
  changes: hour,
  calls: 31 * day,
  callMarkers: 31 * day,
  user: 400 * day,
  state: 365 * day,
  sealedKey: undefined,
  dashboardSessions: hour,
  aggregates: 401 * day,
};

/** The items that live on although others of their kind die. */
const livesOn = ({ pk, type, user, status }: StoredItem): boolean =>
  type === itemType.machineClient ||
  pk === `${keyPrefix.aggregates}progress` ||
  pk === `${keyPrefix.aggregates}${EXPORT_PROGRESS}` ||
  // Of direct mode: it denies a client access until it is deleted.
  (pk.startsWith(keyPrefix.grant) && status === 'revoked' && user === undefined);

/**
 * A line for each item whose kind dies and that has no `ttl` in seconds, or one that is later than its kind permits. DynamoDB
 * deletes no item without it, and none whose `ttl` is a string.
 *
 * @param now in epoch milliseconds
 */
export const lifetimeProblems = (items: readonly StoredItem[], now: number): string[] =>
  items.flatMap((item) => {
    const { pk, sk, type, ttl, revokedTtl } = item;
    const [kind] = Object.entries(keyPrefix).find(([, prefix]) => pk.startsWith(prefix)) ?? [];
    const name = `${type} ${pk} ${sk}`;
    if (kind === undefined) return [`${name}: table-keys.ts has no kind with this prefix`];
    const longest = livesOn(item) ? undefined : longestSeconds[kind as ItemKind];
    if (longest === undefined) return ttl === undefined ? [] : [`${name}: lives on, and has the ttl ${ttl}`];
    // It denies access, as long as the table exists.
    if (revokedTtl !== undefined && item.status === 'revoked' && ttl === revokedTtl) return [];
    if (!Number.isInteger(ttl)) return [`${name}: its ttl is ${JSON.stringify(ttl)}, not a number of seconds`];
    const remaining = (ttl as number) - now / 1000;
    if (remaining <= longest + CLOCK_SECONDS && remaining > -EXPIRED_SECONDS) return [];
    return [`${name}: its ttl ${ttl} is ${Math.round(remaining)} seconds from now; at most ${longest} for ${kind}`];
  });

/** Clocks of two processes, and seconds rounded up. */
const CLOCK_SECONDS = 60;

/** Tests expire items; the emulator deletes them a second later. */
const EXPIRED_SECONDS = 2 * day;
