import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { type GrantRow, type Me, quotedName, type RevokedCount } from '../../core/dashboard/dashboard-api.ts';
import { post } from '../api-client.ts';
import { ConfirmDialog } from '../components/confirm-dialog.tsx';
import { ActiveFilters } from '../components/filters.tsx';
import { Link } from '../components/link.tsx';
import { LoadMore } from '../components/load-more.tsx';
import { EmptyState, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { announce } from '../components/status-line.tsx';
import { Timestamp } from '../components/timestamp.tsx';
import { UserName, useQuotedNameOf } from '../components/user-name.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { queryOf } from '../page-router.ts';
import { usePagedList } from '../paged-list.ts';
import { addSuggestions } from '../suggestions.ts';
import { showsUsers, type ViewProps } from './view-props.ts';

const { columns, grants: text } = dashboardText;

export function ConnectedAppsView({ route, me }: ViewProps) {
  const { user } = route;
  const nameOf = useQuotedNameOf();
  const [revoking, setRevoking] = useState<GrantRow | 'all'>();
  const list = usePagedList<GrantRow>(
    'grants',
    `grants ${user}`,
    () => queryOf({ user }),
    ({ id }) => id,
    { isLive: true },
  );
  const { items, error, retrySeconds, isStale, hasMore, refresh } = list;
  useEffect(() => addSuggestions({ users: items ?? [] }), [items]);

  const withUsers = showsUsers({ route, me });
  const otherUser = me?.isAdmin && user && user !== me.user ? user : undefined;
  const revocableUser = otherUser ?? me?.user;
  const tokens = items?.filter(({ isToken }) => isToken) ?? [];
  const apps = items?.filter(({ isToken }) => !isToken) ?? [];
  const table = { withUsers, highlighted: route.id, revoke: setRevoking };
  const hasActive = items?.some((grant) => grant.status === 'active' && grant.user === revocableUser);
  return (
    <>
      <div class="view-title">
        <h1>{dashboardText.views.grants}</h1>
        {hasActive && (
          <button type="button" class="danger outline" onClick={() => setRevoking('all')}>
            {otherUser ? text.revokeAllOf(nameOf(otherUser)) : text.revokeAllMine}
          </button>
        )}
      </div>
      <p class="muted">{withUsers ? text.introEveryone : text.intro}</p>
      <ActiveFilters route={{ view: 'grants', range: route.range, by: route.by, user }} me={me} />
      <ErrorMessage error={error} retrySeconds={retrySeconds} />
      {!items || !me ? (
        !error && <Skeleton kind="row" count={6} />
      ) : (
        <section class="panel" aria-label={text.caption} aria-busy={isStale}>
          {apps.length === 0 && !hasMore && (
            <EmptyState heading={text.empty}>{dashboardText.calls.emptyNew(`${location.origin}/mcp`)}</EmptyState>
          )}
          {apps.length > 0 && (
            <GrantsTable caption={text.caption} name={columns.app} grants={apps} me={me} {...table} />
          )}
          <LoadMore list={list} />
        </section>
      )}
      {me && tokens.length > 0 && (
        <section class="panel" aria-labelledby="tokens" aria-busy={isStale}>
          <h2 id="tokens">{text.tokens}</h2>
          <GrantsTable
            caption={dashboardText.tokens.caption}
            name={dashboardText.tokens.name}
            grants={tokens}
            me={me}
            {...table}
          />
        </section>
      )}
      {me && revoking && (
        <RevokeDialog
          me={me}
          revoking={revoking}
          otherUser={otherUser}
          refresh={refresh}
          close={() => setRevoking(undefined)}
        />
      )}
    </>
  );
}

type RowContext = { me: Me; withUsers: boolean; revoke(grant: GrantRow): void };

/**
 * @param name the heading of the column that names the grants
 * @param highlighted the id of the grant that a search found
 */
function GrantsTable({
  caption,
  name,
  grants,
  highlighted,
  ...context
}: RowContext & { caption: string; name: string; grants: GrantRow[]; highlighted: string | undefined }) {
  return (
    <table class="list grants">
      <caption class="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">{name}</th>
          {context.withUsers && <th scope="col">{columns.user}</th>}
          <th scope="col">{columns.state}</th>
          <th scope="col">{columns.scopes}</th>
          <th scope="col">{columns.connectedAt}</th>
          <th scope="col">{columns.actions}</th>
        </tr>
      </thead>
      {appsOf(grants).map((app) => (
        <AppRows key={app[0]!.id} grants={app} highlighted={highlighted} {...context} />
      ))}
    </table>
  );
}

/** The grants of one user for clients of one name, in the order of the newest. Each installation of a program is a client. */
const appsOf = (grants: GrantRow[]): GrantRow[][] => [
  ...Map.groupBy(grants, ({ user, clientName }) => JSON.stringify([user, clientName])).values(),
];

/** The active grants of an app, or else the latest one, and the others on request. */
function AppRows({
  grants,
  highlighted,
  ...context
}: RowContext & { grants: GrantRow[]; highlighted: string | undefined }) {
  const active = grants.filter(({ status }) => status === 'active');
  const first = active[0] ?? grants[0]!;
  const others = grants.filter((grant) => grant !== first);
  const [showsOthers, setShowsOthers] = useState(others.some(({ id }) => id === highlighted));
  const shown = showsOthers ? [first, ...others] : [first];
  return (
    <tbody>
      {shown.map((grant) => (
        <GrantTableRow key={grant.id} grant={grant} isHighlighted={grant.id === highlighted} {...context}>
          {grant === first && others.length > 0 && (
            <button
              type="button"
              class="small"
              aria-expanded={showsOthers}
              onClick={() => setShowsOthers(!showsOthers)}
            >
              {showsOthers ? text.hideOthers : text.showOthers(others.length, active.length - 1)}
              <span class="visually-hidden">: {grant.clientName}</span>
            </button>
          )}
        </GrantTableRow>
      ))}
    </tbody>
  );
}

function GrantTableRow({
  grant,
  isHighlighted,
  me,
  withUsers,
  revoke,
  children,
}: RowContext & { grant: GrantRow; isHighlighted: boolean; children?: ComponentChildren }) {
  return (
    <tr class={isHighlighted ? 'highlighted' : undefined}>
      <th scope="row" class="main">
        <span>
          {grant.clientName}
          {!grant.isToken && (
            <code class="muted" title={grant.client}>
              {grant.client.replace('https://', '')}
            </code>
          )}
          {grant.kind === 'service' && <span class="note">{text.service}</span>}
          {children}
        </span>
      </th>
      {withUsers && (
        <td>
          <UserName user={grant.user} userName={grant.userName} />
        </td>
      )}
      <td class="first">
        <span class="stacked-lines">
          <StateBadge isActive={grant.status === 'active'}>{text.states[grant.status]}</StateBadge>
          {grant.revokedAt !== undefined && (
            <span class="note">
              {' '}
              <Timestamp precision="day" at={grant.revokedAt} />
            </span>
          )}
        </span>
      </td>
      <td>
        <span class="stacked-lines">
          {grant.scopes.map((scope) => (
            <code key={scope}>{scope}</code>
          ))}
        </span>
      </td>
      <td class="wide-cell">
        <GrantDates grant={grant} isDirect={me.isDirect} />
      </td>
      <td class="wide-cell">
        <GrantActions grant={grant} me={me} revoke={revoke} />
      </td>
    </tr>
  );
}

const GrantDates = ({ grant, isDirect }: { grant: GrantRow; isDirect: boolean }) => (
  <span class="stacked-lines">
    <Timestamp precision="day" at={grant.createdAt} />
    <span class="note">
      {isDirect ? text.lastRequest : text.renewed} <Timestamp precision="minute" at={grant.renewedAt} />
    </span>
    {grant.status === 'active' && grant.endsAt !== undefined && (
      <span class="note">
        {text.expires} <Timestamp precision="day" at={grant.endsAt} />
      </span>
    )}
  </span>
);

type GrantActionsProps = { grant: GrantRow; me: Me; revoke(grant: GrantRow): void };

const GrantActions = ({ grant, me, revoke }: GrantActionsProps) => (
  <span class="actions">
    {(['calls', 'sessions'] as const).map((view) => (
      <Link
        key={view}
        to={{ view, range: '30d', grant: grant.id, user: me.isAdmin ? grant.user : undefined }}
        aria-label={`${text[view]}: ${quotedName(grant.clientName)}`}
      >
        {text[view]}
      </Link>
    ))}
    {grant.status === 'active' && (
      <button
        type="button"
        class="small danger outline"
        aria-label={text.revokeNamed(quotedName(grant.clientName))}
        onClick={() => revoke(grant)}
      >
        {text.revoke}
      </button>
    )}
  </span>
);

type RevokeDialogProps = {
  me: Me;
  /** One grant, or all grants of a user. */
  revoking: GrantRow | 'all';
  /** The user whose grants an admin revokes; `undefined` for the admin's own. */
  otherUser: string | undefined;
  refresh(): void;
  close(): void;
};

function RevokeDialog({ me, revoking, otherUser, refresh, close }: RevokeDialogProps) {
  const nameOf = useQuotedNameOf();
  if (revoking === 'all') {
    return (
      <ConfirmDialog
        question={text.revokeAllQuestion}
        consequence={text.revokeAllConsequence(otherUser && nameOf(otherUser), me.isDirect)}
        action={otherUser ? text.revokeAllOf(nameOf(otherUser)) : text.revokeAllMine}
        run={async () => {
          const { revoked } = await post<RevokedCount>(me, 'revoke-all', otherUser ? { user: otherUser } : {});
          announce(text.allRevoked(revoked));
          refresh();
        }}
        close={close}
      />
    );
  }
  const { id, user, userName } = revoking;
  const client = quotedName(revoking.clientName);
  return (
    <ConfirmDialog
      question={text.revokeQuestion(client)}
      consequence={text.revokeConsequence(client, user === me.user ? undefined : nameOf(user, userName), me.isDirect)}
      action={text.revoke}
      run={async () => {
        const { revoked } = await post<RevokedCount>(me, `grants/${encodeURIComponent(id)}/revoke`);
        announce(text.revoked(client, revoked));
        refresh();
      }}
      close={close}
    />
  );
}
