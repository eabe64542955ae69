import { kindOf } from '../../lambda/core/access/grant.ts';
import type { ListedGrant } from '../../lambda/core/admin/directory.ts';
import { tokenRows } from '../../lambda/core/dashboard/dashboard-rows.ts';
import { printableJson, quotedName } from '../../lambda/core/support/untrusted-text.ts';
import { isPersonal } from '../../lambda/shared/personal-token.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import type { ClientRevokeOptions, TokenAddOptions, TokenListOptions } from '../commands/parsed-options.ts';
import { tokenColumns } from '../output/list-columns.ts';
import { showList } from '../output/list-output.ts';
import { notify, write } from '../output/terminal.ts';
import { type Deployment, openDeployment } from '../target/deployment.ts';
import { allItems, pages } from '../target/paging.ts';
import { makeToken } from '../target/token-function.ts';
import { resolveUser, resolveUserIfGiven } from '../target/user-selection.ts';
import { revokeClients } from './client-actions.ts';

export async function addToken(given: string, options: TokenAddOptions): Promise<void> {
  const { name, days } = options;
  const deployment = await openDeployment(options);
  const user = await resolveUser(deployment, given);
  const grant = await latestGrant(deployment, user);
  if (grant === undefined) {
    throw new ConfigurationError(
      `User ${user.slice(0, 12)} has no grant: let the user connect an app once, or make the token on the dashboard.`,
    );
  }
  const made = await makeToken(options, { grant: grant.id, name, days, scopes: options.scopes ?? grant.scopes });
  if (options.json) return write(`${printableJson(made)}\n`);
  notify(`Token ${quotedName(name)} until ${new Date(made.expiresAt).toISOString()}; it is shown once and not stored:`);
  await write(`${made.token}\n`);
}

/** It has the identity and the groups of the user, and may have ended. */
async function latestGrant({ directory }: Deployment, user: string): Promise<ListedGrant | undefined> {
  for await (const grant of allItems((paging) => directory.grantsOf(user, paging))) {
    if (kindOf(grant) === 'person') return grant;
  }
  return undefined;
}

export async function listTokens(options: TokenListOptions): Promise<void> {
  const deployment = await openDeployment(options);
  const user = await resolveUserIfGiven(deployment, options.user);
  const { directory } = deployment;
  await showList(
    pages(async (paging) => {
      const page = await (user === undefined ? directory.recentGrants(paging) : directory.grantsOf(user, paging));
      const byUser = Map.groupBy(page.items.filter(isPersonal), (grant) => grant.user);
      const rows = await Promise.all([...byUser].map(([owner, grants]) => tokenRows(deployment, grants, owner)));
      return { ...page, items: rows.flat().toSorted((a, b) => b.createdAt - a.createdAt) };
    }, options),
    tokenColumns,
    { asJson: options.json, ifEmpty: 'No personal access tokens.' },
  );
}

/** A token ends with its grant, which has its id. */
export const revokeToken = (id: string, options: ClientRevokeOptions): Promise<void> => revokeClients(id, options);
