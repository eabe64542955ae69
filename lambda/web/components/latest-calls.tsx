import { useRef } from 'preact/hooks';
import type { CallRow, ResultPage } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { duration } from '../format.ts';
import type { Live } from '../live-data.ts';
import type { Route } from '../page-router.ts';
import { whatOf } from './calls-table.tsx';
import { Link } from './link.tsx';
import { Moment } from './moment.tsx';
import { OutcomeBadge } from './outcome-badge.tsx';
import { ErrorMessage, Skeleton } from './placeholders.tsx';
import { UserName } from './user-name.tsx';

type Props = { route: Route; latest: Live<ResultPage<CallRow>>; showsUsers: boolean };

/** What is going on just now. */
export function LatestCalls({ route, latest: { data, failure, retrySeconds }, showsUsers }: Props) {
  const words = dashboardText.overview;
  // What is there when one comes has not just arrived.
  const first = useRef<Set<string> | undefined>(undefined);
  if (data) first.current ??= new Set(data.items.map(({ id }) => id));
  return (
    <section class="panel" aria-labelledby="latest">
      <header>
        <h2 id="latest">{words.live}</h2>
        <Link to={{ ...route, view: 'calls' }}>{words.allCalls}</Link>
      </header>
      <ErrorMessage failure={failure} retrySeconds={retrySeconds} />
      {!data && !failure && <Skeleton kind="row" count={6} />}
      {data?.items.length === 0 && <p class="quiet">{words.noLive}</p>}
      <ol class="latest">
        {data?.items.map((call) => (
          <li key={call.id} class={first.current?.has(call.id) ? undefined : 'new'}>
            <Link to={{ view: 'session', id: call.session, call: call.id }}>
              <code>{whatOf(call)}</code> <OutcomeBadge outcome={call.outcome} />{' '}
              <span class="note">
                <Moment at={call.at} /> · {call.clientLabel}
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
