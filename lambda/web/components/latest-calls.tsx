import { useRef } from 'preact/hooks';
import { type CallRow, type ResultPage, toolOf } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { duration } from '../format.ts';
import type { LiveQuery } from '../live-query.ts';
import type { Route } from '../page-router.ts';
import { ClientName } from './client-name.tsx';
import { Link } from './link.tsx';
import { OutcomeBadge } from './outcome-badge.tsx';
import { ErrorMessage, Skeleton } from './placeholders.tsx';
import { Timestamp } from './timestamp.tsx';
import { UserName } from './user-name.tsx';

type Props = { route: Route; latest: LiveQuery<ResultPage<CallRow>>; showsUsers: boolean };

/** The most recent calls; new ones are highlighted. */
export function LatestCalls({ route, latest: { data, error, retrySeconds }, showsUsers }: Props) {
  const text = dashboardText.overview;
  const initialIds = useRef<Set<string> | undefined>(undefined);
  if (data) initialIds.current ??= new Set(data.items.map(({ id }) => id));
  return (
    <section class="panel" aria-labelledby="latest">
      <header>
        <h2 id="latest">{text.latestCalls}</h2>
        <Link to={{ ...route, view: 'calls' }}>{text.allCalls}</Link>
      </header>
      <ErrorMessage error={error} retrySeconds={retrySeconds} />
      {!data && !error && <Skeleton kind="row" count={6} />}
      {data?.items.length === 0 && <p class="muted">{text.noCalls}</p>}
      <ol class="latest-calls">
        {data?.items.map((call) => (
          <li key={call.id} class={initialIds.current?.has(call.id) ? undefined : 'new'}>
            <Link to={{ view: 'session', id: call.session, call: call.id }}>
              <code>{toolOf(call)}</code> <OutcomeBadge outcome={call.outcome} />{' '}
              <span class="note">
                <Timestamp at={call.at} /> · <ClientName client={call} />
                {showsUsers && (
                  <>
                    {' · '}
                    <UserName user={call.user} userName={call.userName} />
                  </>
                )}{' '}
                · {duration(call.milliseconds)}
              </span>
            </Link>
          </li>
        ))}
      </ol>
    </section>
  );
}
