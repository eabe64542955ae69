import type { Logger } from '../support/logger.ts';

/** Which groups of a user are read from claims. */
export type GroupRules = {
  /** The claims that contain groups. */
  claims: readonly string[];
  /** Removed from the start of each group, such as the slash of a full path at Keycloak. */
  prefix?: string | undefined;
  /** Names of groups, or starts of names with a final `*`. The first ones have precedence where a limit is reached. */
  kept: readonly string[];
};

/** The groups in the claims; undefined when none of the claims that contain groups is present. */
export type GroupReader = (claims: Readonly<Record<string, unknown>>) => string[] | undefined;

/** Limits of one user. The groups are read with the grant on every request. */
const MOST_GROUPS = 50;
const MOST_BYTES = 2048;

/** The claims are arrays or, at some providers, single strings. */
export function groupReader({ claims: names, prefix = '', kept }: GroupRules, log: Logger): GroupReader {
  return (claims) => {
    if (names.length > 0 && !names.some((name) => Object.hasOwn(claims, name))) return undefined;
    const all = names
      .flatMap((name) => claims[name])
      .filter((group) => typeof group === 'string')
      .map((group) => (group.startsWith(prefix) ? group.slice(prefix.length) : group));
    const requested = [...new Set(kept.flatMap((pattern) => all.filter((group) => matches(group, pattern))))];
    const groups = withinLimits(requested);
    if (groups.length < requested.length) {
      log('groups_omitted', { kept: groups.length, omitted: requested.length - groups.length });
    }
    return groups;
  };
}

const matches = (group: string, pattern: string) =>
  pattern.endsWith('*') ? group.startsWith(pattern.slice(0, -1)) : group === pattern;

function withinLimits(groups: readonly string[]): string[] {
  let bytes = 0;
  return groups.slice(0, MOST_GROUPS).filter((group) => {
    const size = new TextEncoder().encode(group).length;
    if (bytes + size > MOST_BYTES) return false;
    bytes += size;
    return true;
  });
}
