import { isLiveGrant } from '../../lambda/core/access/grant.ts';
import type { ListedPage, ListOptions } from '../../lambda/core/admin/directory.ts';
import { sessionList } from '../../lambda/core/admin/session-list.ts';
import { clientOf } from '../../lambda/core/audit/tool-call.ts';
import type { GrantRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { grantRows } from '../../lambda/core/dashboard/dashboard-rows.ts';
import { quotedName } from '../../lambda/core/support/untrusted-text.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import type { Deployment } from './deployment.ts';
import { allItems } from './paging.ts';
import { quotedUser } from './user-selection.ts';

/** The grants of one user or of all users, newest first. */
export const grantsOf =
  (deployment: Deployment, user: string | undefined) =>
  async (paging: ListOptions): Promise<ListedPage<GrantRow>> => {
    const { directory, seconds } = deployment;
    const page = await (user === undefined ? directory.recentGrants(paging) : directory.grantsOf(user, paging));
    return { ...page, items: await grantRows(deployment, page.items, seconds()) };
  };

/** A grant that can be revoked, and what is known about it: in direct mode only its id may be. */
export type RevocableGrant = { id: string; user?: string; userName?: string; client?: string; clientName?: string };

export const grantLabel = (grant: RevocableGrant): string => {
  const { id, user, client = 'unknown client', clientName } = grant;
  const name = clientName === undefined || clientName === client ? client : `${quotedName(clientName)} (${client})`;
  const owner = user === undefined ? '' : ` of ${quotedUser({ ...grant, user })}`;
  return `${name}${owner}, grant ${id}`;
};

/**
 * One live grant; undefined when it has ended.
 *
 * @throws ConfigurationError when it does not exist
 */
export async function liveGrant(deployment: Deployment, id: string): Promise<RevocableGrant | undefined> {
  const { directory, grantBlock, isDirect, seconds } = deployment;
  const [grant] = await directory.grants([id]);
  if (grant) {
    if (!isLiveGrant(grant, seconds())) return undefined;
    const [row] = await grantRows(deployment, [grant], seconds());
    return row!;
  }
  if (isDirect && (await grantBlock.sessionUnder(id))) return { id };
  throw new ConfigurationError(
    `No grant ${JSON.stringify(id)}. npx holdfast clients list shows the grants, sessions show that of a session.`,
  );
}

export type GrantFilter = { user?: string | undefined; client?: string | undefined };

/** The live grants of a user, of a client, or of both. */
export async function liveGrants(deployment: Deployment, { user, client }: GrantFilter): Promise<RevocableGrant[]> {
  const grants = new Map<string, RevocableGrant>();
  for await (const grant of allItems(grantsOf(deployment, user))) {
    if (grant.status === 'active' && (client === undefined || grant.client === client)) grants.set(grant.id, grant);
  }
  if (!deployment.isDirect) return [...grants.values()];
  for (const grant of await directGrants(deployment, { user, client })) {
    if (!grants.has(grant.id)) grants.set(grant.id, grant);
  }
  return [...grants.values()];
}

/** The most ids of one lookup. */
const LARGEST_LOOKUP = 100;

/** In direct mode the identity provider keeps the grants: those with sessions, without those stored or blocked here. */
async function directGrants(deployment: Deployment, { user, client }: GrantFilter): Promise<RevocableGrant[]> {
  const grants = new Map<string, RevocableGrant>();
  for await (const session of allItems((paging) => sessionList(deployment, { user }, paging))) {
    if (client !== undefined && session.client !== client) continue;
    grants.set(session.grant, {
      id: session.grant,
      user: session.user,
      client: session.client,
      clientName: clientOf(session),
    });
  }
  const ids = [...grants.keys()];
  for (let first = 0; first < ids.length; first += LARGEST_LOOKUP) {
    const stored = await deployment.directory.grants(ids.slice(first, first + LARGEST_LOOKUP));
    for (const { id } of stored) grants.delete(id);
  }
  return [...grants.values()];
}

/** @returns whether the grant was live */
export async function revokeGrant({ revocation, grantBlock, isDirect, seconds }: Deployment, id: string) {
  if (await revocation.revokeGrant(id, seconds())) return true;
  return isDirect && grantBlock.block(id, seconds());
}
