import { useEffect, useRef, useState } from 'preact/hooks';
import {
  type CallRow,
  type Me,
  quotedName,
  type RevokedCount,
  type SessionDetail,
  type SessionRow,
} from '../../core/dashboard/dashboard-api.ts';
import { get, post } from '../api-client.ts';
import { CallsTable } from '../components/calls-table.tsx';
import { ClientName } from '../components/client-name.tsx';
import { ConfirmDialog } from '../components/confirm-dialog.tsx';
import { CopyableId } from '../components/copy-button.tsx';
import { Link } from '../components/link.tsx';
import { EmptyState, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { PropertyList } from '../components/property-list.tsx';
import { StateBadge } from '../components/state-badge.tsx';
import { announce } from '../components/status-line.tsx';
import { Timeline } from '../components/timeline.tsx';
import { Timestamp } from '../components/timestamp.tsx';
import { UserName, useQuotedNameOf } from '../components/user-name.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { duration } from '../format.ts';
import { useLiveQuery } from '../live-query.ts';
import { queryOf, type Route } from '../page-router.ts';
import { addSuggestions } from '../suggestions.ts';
import { sessionCount } from './sessions-view.tsx';
import type { ViewProps } from './view-props.ts';

const PAGE_SIZE = 200;
/** How many pages to load in search of the selected call. */
const MAX_SEARCH_PAGES = 25;
const { columns, sessions: text } = dashboardText;

export function SessionView({ route, me }: ViewProps) {
  const id = route.id ?? '';
  const detail = useSessionDetail(id, route.call);
  const { data, error, retrySeconds, refresh } = detail;
  if (error?.status === 404) return <UnknownSession />;
  if (!data || !me)
    return (
      <>
        <h1>{dashboardText.views.session}</h1>
        <ErrorMessage error={error} retrySeconds={retrySeconds} />
        {!error && (
          <>
            <Skeleton kind="chart" />
            <Skeleton kind="row" count={8} />
          </>
        )}
      </>
    );

  const { session, calls, hasMore } = data;
  return (
    <>
      <SessionHeader session={session} route={route} me={me} refresh={refresh} />
      <ErrorMessage error={error} retrySeconds={retrySeconds} />
      <section class="panel" aria-label={text.properties}>
        <SessionProperties session={session} me={me} />
      </section>
      <section class="panel" aria-labelledby="timeline">
        <h2 id="timeline">{text.timeline}</h2>
        <p class="note">{text.timelineHint}</p>
        <Timeline
          calls={calls}
          session={id}
          from={session.firstCallAt}
          to={Math.max(session.lastCallAt, ...calls.map(({ at, milliseconds }) => at + milliseconds))}
          selectedCall={route.call}
        />
      </section>
      <section class="panel" aria-labelledby="session-calls">
        <h2 id="session-calls">{text.calls}</h2>
        <CallsTable
          calls={calls}
          caption={dashboardText.calls.captionInOrder}
          showsUsers={false}
          showsSessions={false}
          selectedCall={route.call}
        />
        {hasMore && (
          <div class="load-more">
            <button type="button" aria-busy={detail.isLoadingMore} onClick={detail.loadMore}>
              {detail.isLoadingMore ? dashboardText.calls.loading : dashboardText.calls.loadMore}
            </button>
          </div>
        )}
      </section>
    </>
  );
}

/** Calls are in order of time, so new ones are on the last page. `after` is the cursor that loaded the page. */
type LoadedPage = { after?: string; items: CallRow[]; next?: string };

/** The session and the pages of its calls: those that the user has loaded, and those up to the selected call. */
function useSessionDetail(id: string, selectedCall: string | undefined) {
  const pages = useRef<LoadedPage[]>([]);
  const requestedPages = useRef(1);
  const latestSelection = useRef(selectedCall);
  latestSelection.current = selectedCall;
  const [isLoadingMore, setLoadingMore] = useState(false);

  const query = useLiveQuery(
    id,
    async (signal) => {
      const load = (after?: string) =>
        get<SessionDetail>(`sessions/${encodeURIComponent(id)}`, queryOf({ limit: PAGE_SIZE, after }), signal);
      const { session, calls } = await load();
      const loaded: LoadedPage[] = [calls, ...pages.current.slice(1)];
      const last = loaded.at(-1);
      if (last?.after !== undefined) {
        loaded[loaded.length - 1] = { ...(await load(last.after)).calls, after: last.after };
      }
      const hasSelected = () => loaded.some(({ items }) => items.some((call) => call.id === latestSelection.current));
      while (
        loaded.length < requestedPages.current ||
        (latestSelection.current && loaded.length < MAX_SEARCH_PAGES && !hasSelected())
      ) {
        const after = loaded.at(-1)?.next;
        if (after === undefined) break;
        loaded.push({ ...(await load(after)).calls, after });
      }
      pages.current = loaded;
      setLoadingMore(false);
      return { session, calls: loaded.flatMap(({ items }) => items), hasMore: loaded.at(-1)?.next !== undefined };
    },
    { isLive: true },
  );

  const { data, refresh } = query;
  useEffect(() => data && addSuggestions({ users: [data.session] }), [data]);
  const isMissing = Boolean(selectedCall && data?.hasMore && !data.calls.some((call) => call.id === selectedCall));
  useEffect(() => {
    if (isMissing) refresh();
  }, [isMissing, selectedCall]);

  const loadMore = () => {
    requestedPages.current = pages.current.length + 1;
    setLoadingMore(true);
    refresh();
  };
  return { ...query, isLoadingMore, loadMore };
}

const UnknownSession = () => (
  <>
    <h1>{dashboardText.views.session}</h1>
    <section class="panel">
      <EmptyState heading={text.unknown}>
        {text.unknownHint} <Link to={{ view: 'sessions' }}>{text.all}</Link>
      </EmptyState>
    </section>
  </>
);

type SessionHeaderProps = { session: SessionRow; route: Route; me: Me; refresh(): void };

function SessionHeader({ session, route, me, refresh }: SessionHeaderProps) {
  const { id, user, userName, clientLabel, ended } = session;
  const nameOf = useQuotedNameOf();
  const [isConfirming, setConfirming] = useState(false);
  return (
    <>
      <p class="back-link">
        <Link to={{ view: 'sessions', ...(me.isAdmin && { user: route.user }) }}>← {text.all}</Link>
      </p>
      <div class="view-title">
        <h1>
          {dashboardText.views.session} · <ClientName client={session} />
        </h1>
        {!ended && (
          <button type="button" class="danger outline" onClick={() => setConfirming(true)}>
            {text.revoke}
          </button>
        )}
      </div>
      {isConfirming && (
        <ConfirmDialog
          question={text.revokeQuestion}
          consequence={text.revokeConsequence(
            quotedName(clientLabel),
            user === me.user ? text.you : nameOf(user, userName),
          )}
          action={text.revoke}
          run={async () => {
            const { revoked } = await post<RevokedCount>(me, `sessions/${encodeURIComponent(id)}/revoke`);
            announce(text.revoked(revoked));
            refresh();
          }}
          close={() => setConfirming(false)}
        />
      )}
    </>
  );
}

function SessionProperties({ session, me }: { session: SessionRow; me: Me }) {
  const { fields } = dashboardText.calls;
  return (
    <PropertyList
      properties={[
        [
          columns.state,
          <StateBadge key="state" isActive={!session.ended}>
            {text.states[session.ended ?? 'active']}
          </StateBadge>,
        ],
        [columns.user, <UserName key="user" user={session.user} userName={session.userName} />],
        [columns.calls, sessionCount(session.calls, session)],
        [columns.errors, sessionCount(session.errors, session)],
        [columns.firstActivity, <Timestamp key="first" at={session.firstCallAt} />],
        [columns.lastActivity, <Timestamp key="last" at={session.lastCallAt} />],
        [columns.length, duration(session.lastCallAt - session.firstCallAt)],
        [columns.era, dashboardText.eras[session.era]],
        [fields.session, <CopyableId key="session" id={session.id} label={fields.session} />],
        [
          fields.grant,
          <Link key="grant" to={{ view: 'grants', ...(me.isAdmin && { user: session.user }), id: session.grant }}>
            <code>{session.grant}</code>
          </Link>,
        ],
      ]}
    />
  );
}
