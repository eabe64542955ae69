import { isLiveGrant } from '../../lambda/core/access/grant.ts';
import type { ListedPage, ListOptions } from '../../lambda/core/admin/directory.ts';
import { sessionList } from '../../lambda/core/admin/session-list.ts';
import type { GrantRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { grantRows } from '../../lambda/core/dashboard/dashboard-rows.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { brief, plain } from '../output/plain-text.ts';
import type { Column } from '../output/text-table.ts';
import { shortDay, shortTime } from '../output/time-text.ts';
import type { Deployment } from './deployment.ts';
import { everyOf } from './paging.ts';
import { userText } from './user-selection.ts';

/** Grants, of one user or of everyone, the latest first. */
export const grantsOn =
  (deployment: Deployment, user: string | undefined) =>
  async (options: ListOptions): Promise<ListedPage<GrantRow>> => {
    const { directory, seconds } = deployment;
    const found = await (user === undefined ? directory.recentGrants(options) : directory.grantsOf(user, options));
    return { ...found, items: await grantRows(deployment, found.items, seconds()) };
  };

export const grantColumns: Column<GrantRow>[] = [
  { title: 'GRANT', text: ({ id }) => id },
  { title: 'CLIENT', text: ({ clientName }) => brief(clientName, 20) },
  { title: 'USER', text: (grant) => brief(userText(grant), 24) },
  { title: 'STATUS', text: ({ status }) => status },
  { title: 'CONNECTED', text: ({ createdAt }) => shortDay(createdAt) },
  { title: 'LAST RENEWED', text: ({ renewedAt }) => shortTime(renewedAt) },
  { title: 'ENDS', text: ({ endsAt, revokedAt }) => shortDay(revokedAt ?? endsAt) },
  // The longest comes last: it may be a URL.
  { title: 'CLIENT ID', text: ({ client }) => client },
];

/** Something that lets a client in, and can be taken back. */
export type RevocationTarget = { id: string; user?: string; userName?: string; client?: string; clientName?: string };

export const targetText = (target: RevocationTarget): string => {
  const { id, user, client = 'a client', clientName = client } = target;
  const of = user === undefined ? '' : ` of ${userText({ ...target, user })}`;
  const also = clientName === client ? '' : ` (${client})`;
  return plain(`${clientName}${also}${of}, grant ${id}`);
};

/** One grant that lets somebody in. @throws Mistake when it is not known, undefined when it has ended */
export async function liveGrant(deployment: Deployment, id: string): Promise<RevocationTarget | undefined> {
  const { directory, grantBlock, isDirect, seconds } = deployment;
  const [grant] = await directory.grants([id]);
  if (grant) {
    if (!isLiveGrant(grant, seconds())) return undefined;
    const [row] = await grantRows(deployment, [grant], seconds());
    return row!;
  }
  if (isDirect !== false && (await grantBlock.isKnown(id))) return { id };
  throw new ConfigurationError(
    plain(
      `There is no grant ${JSON.stringify(id)}. npx holdfast clients list shows those that there are, and sessions show the one of a session.`,
    ),
  );
}

/** All that let in a user, or a client of whomever. */
export async function liveGrants(
  deployment: Deployment,
  wanted: { user?: string; client?: string },
): Promise<RevocationTarget[]> {
  const { user, client } = wanted;
  const found = new Map<string, RevocationTarget>();
  for await (const grant of everyOf(grantsOn(deployment, user))) {
    if (grant.status === 'active' && (client === undefined || grant.client === client)) found.set(grant.id, grant);
  }
  if (!deployment.isDirect) return [...found.values()];
  // The identity provider has the grants: here are those that have had calls and have not been shut out.
  const seen = new Map<string, RevocationTarget>();
  for await (const session of everyOf((options) => sessionList(deployment, { user }, options))) {
    if (client !== undefined && session.client !== client) continue;
    const { grant: id, user: of, client: by, clientName } = session;
    if (!found.has(id)) seen.set(id, { id, user: of, client: by, ...(clientName !== undefined && { clientName }) });
  }
  const ids = [...seen.keys()];
  for (let first = 0; first < ids.length; first += 100) {
    for (const { id } of await deployment.directory.grants(ids.slice(first, first + 100))) seen.delete(id);
  }
  return [...found.values(), ...seen.values()];
}

/** @returns whether it let somebody in until now */
export async function revokeTarget(
  { revocation, grantBlock, isDirect, seconds }: Deployment,
  { id }: RevocationTarget,
) {
  if (await revocation.revokeGrant(id, seconds())) return true;
  return isDirect !== false && grantBlock.block(id, seconds());
}
