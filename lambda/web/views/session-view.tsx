import { useEffect, useRef, useState } from 'preact/hooks';
import type { CallRow, RevokedCount, SessionDetail } from '../../core/dashboard/dashboard-api.ts';
import { get, post } from '../api-client.ts';
import { CallsTable } from '../components/calls-table.tsx';
import { Confirm } from '../components/confirm.tsx';
import { Id } from '../components/copy.tsx';
import { Link } from '../components/link.tsx';
import { Moment } from '../components/moment.tsx';
import { Empty, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { SessionState } from '../components/session-state.tsx';
import { announce } from '../components/status-line.tsx';
import { Timeline } from '../components/timeline.tsx';
import { UserName, useNameOf } from '../components/user-name.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { duration } from '../format.ts';
import { learn } from '../known-values.ts';
import { useLive } from '../live-data.ts';
import { queryOf } from '../page-router.ts';
import { counted } from './sessions-view.tsx';
import type { ViewProps } from './view-props.ts';

const LIMIT = 200;
/** So many pages are looked through for the call that the address points to. */
const FAR = 25;
const { columns, sessions: words } = dashboardText;

/** Pages go forward in time, so what comes new is on the last of them. */
type Loaded = { after?: string; items: CallRow[]; next?: string };

export function SessionView({ route, me }: ViewProps) {
  const id = route.id ?? '';
  const nameOf = useNameOf();
  const pages = useRef<Loaded[]>([]);
  const wanted = useRef(1);
  const pointedAt = useRef(route.call);
  pointedAt.current = route.call;
  const [isAsking, setAsking] = useState(false);
  const [isLoadingMore, setLoadingMore] = useState(false);

  const detail = useLive(
    id,
    async (signal) => {
      const ask = (after?: string) =>
        get<SessionDetail>(`sessions/${encodeURIComponent(id)}`, queryOf({ limit: LIMIT, after }), signal);
      const { session, calls } = await ask();
      const loaded: Loaded[] = [calls, ...pages.current.slice(1)];
      const last = loaded.at(-1);
      if (last?.after !== undefined)
        loaded[loaded.length - 1] = { ...(await ask(last.after)).calls, after: last.after };
      const isThere = () => loaded.some(({ items }) => items.some((call) => call.id === pointedAt.current));
      while (loaded.length < wanted.current || (pointedAt.current && loaded.length < FAR && !isThere())) {
        const after = loaded.at(-1)?.next;
        if (after === undefined) break;
        loaded.push({ ...(await ask(after)).calls, after });
      }
      pages.current = loaded;
      setLoadingMore(false);
      return { session, calls: loaded.flatMap(({ items }) => items), hasMore: loaded.at(-1)?.next !== undefined };
    },
    { isLive: true },
  );
  const { data, failure, retrySeconds, refresh } = detail;
  useEffect(() => data && learn({ users: [data.session] }), [data]);
  const isMissing = Boolean(route.call && data?.hasMore && !data.calls.some((call) => call.id === route.call));
  useEffect(() => {
    if (isMissing) refresh();
  }, [isMissing, route.call]);

  if (failure?.status === 404)
    return (
      <>
        <h1>{dashboardText.views.session}</h1>
        <section class="panel">
          <Empty heading={words.unknown}>
            {words.unknownNext} <Link to={{ view: 'sessions' }}>{words.back}</Link>
          </Empty>
        </section>
      </>
    );
  if (!data || !me)
    return (
      <>
        <h1>{dashboardText.views.session}</h1>
        <ErrorMessage failure={failure} retrySeconds={retrySeconds} />
        {!failure && (
          <>
            <Skeleton kind="chart" />
            <Skeleton kind="row" count={8} />
          </>
        )}
      </>
    );

  const { session, calls, hasMore } = data;
  const { clientLabel, ended } = session;
  return (
    <>
      <p class="back">
        <Link to={{ view: 'sessions', ...(me.isAdmin && { user: route.user }) }}>← {words.back}</Link>
      </p>
      <div class="title">
        <h1>
          {dashboardText.views.session} · {clientLabel}
        </h1>
        {!ended && (
          <button type="button" class="danger outline" onClick={() => setAsking(true)}>
            {words.end}
          </button>
        )}
      </div>
      <ErrorMessage failure={failure} retrySeconds={retrySeconds} />
      <section class="panel" aria-label={words.facts}>
        <dl class="facts">
          <div>
            <dt>{columns.state}</dt>
            <dd>
              <SessionState isActive={!ended}>{words.states[ended ?? 'active']}</SessionState>
            </dd>
          </div>
          <div>
            <dt>{columns.user}</dt>
            <dd>
              <UserName user={session.user} userName={session.userName} />
            </dd>
          </div>
          <div>
            <dt>{columns.calls}</dt>
            <dd>{counted(session.calls, session)}</dd>
          </div>
          <div>
            <dt>{columns.errors}</dt>
            <dd>{counted(session.errors, session)}</dd>
          </div>
          <div>
            <dt>{columns.firstActivity}</dt>
            <dd>
              <Moment at={session.firstCallAt} />
            </dd>
          </div>
          <div>
            <dt>{columns.lastActivity}</dt>
            <dd>
              <Moment at={session.lastCallAt} />
            </dd>
          </div>
          <div>
            <dt>{columns.length}</dt>
            <dd>{duration(session.lastCallAt - session.firstCallAt)}</dd>
          </div>
          <div>
            <dt>{columns.era}</dt>
            <dd>{dashboardText.eras[session.era]}</dd>
          </div>
          <div>
            <dt>{dashboardText.calls.fields.session}</dt>
            <dd>
              <Id id={session.id} what={dashboardText.calls.fields.session} />
            </dd>
          </div>
          <div>
            <dt>{dashboardText.calls.fields.grant}</dt>
            <dd>
              <Link to={{ view: 'grants', ...(me.isAdmin && { user: session.user }), id: session.grant }}>
                <code>{session.grant}</code>
              </Link>
            </dd>
          </div>
        </dl>
      </section>
      <section class="panel" aria-labelledby="timeline">
        <h2 id="timeline">{words.timeline}</h2>
        <p class="note">{words.timelineHint}</p>
        <Timeline
          calls={calls}
          session={id}
          from={session.firstCallAt}
          to={Math.max(session.lastCallAt, ...calls.map(({ at, milliseconds }) => at + milliseconds))}
          pointedAt={route.call}
        />
      </section>
      <section class="panel" aria-labelledby="session-calls">
        <h2 id="session-calls">{words.calls}</h2>
        <CallsTable
          calls={calls}
          caption={dashboardText.calls.inOrder}
          showsUsers={false}
          showsSessions={false}
          pointedAt={route.call}
        />
        {hasMore && (
          <div class="more">
            <button
              type="button"
              aria-busy={isLoadingMore}
              onClick={() => {
                wanted.current = pages.current.length + 1;
                setLoadingMore(true);
                refresh();
              }}
            >
              {isLoadingMore ? dashboardText.calls.loadingMore : dashboardText.calls.more}
            </button>
          </div>
        )}
      </section>
      {isAsking && (
        <Confirm
          question={words.endQuestion}
          consequence={words.endConsequence(
            clientLabel,
            session.user === me.user ? words.you : nameOf(session.user, session.userName),
          )}
          action={words.end}
          act={async () => {
            const { revoked } = await post<RevokedCount>(me, `sessions/${encodeURIComponent(id)}/revoke`);
            announce(words.ended(revoked));
            refresh();
          }}
          close={() => setAsking(false)}
        />
      )}
    </>
  );
}
