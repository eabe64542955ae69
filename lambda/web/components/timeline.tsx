import type { CallRow } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { duration, moment } from '../format.ts';
import { whatOf } from './calls-table.tsx';
import { Link } from './link.tsx';
import { Moment } from './moment.tsx';
import { Mark } from './outcome-badge.tsx';

/** Percent of the line that a mark takes at least, so that a finger hits it. */
const NARROWEST = 2.6;
const MOST_LANES = 8;

type Props = { calls: CallRow[]; session: string; from: number; to: number; pointedAt: string | undefined };

/** Where each call was in time. Those that would cover each other go below each other, as far as there is room. */
export function Timeline({ calls, session, from, to, pointedAt }: Props) {
  const length = Math.max(1, to - from);
  const lanes: number[] = [];
  const marks = calls.map((call) => {
    const width = Math.min(100, Math.max(NARROWEST, (call.milliseconds / length) * 100));
    const left = Math.max(0, Math.min(100 - width, ((call.at - from) / length) * 100));
    let lane = lanes.findIndex((end) => end <= left);
    if (lane < 0) lane = lanes.length < MOST_LANES ? lanes.length : lanes.indexOf(Math.min(...lanes));
    lanes[lane] = left + width + 0.2;
    return { call, left, width, lane };
  });
  return (
    <div class="scroller">
      <div class="timeline" style={{ '--lanes': lanes.length }}>
        <ol>
          {marks.map(({ call, left, width, lane }) => (
            <li key={call.id} style={{ left: `${left}%`, width: `${width}%`, '--lane': lane }}>
              <Link
                replace
                class={`bar ${call.outcome}`}
                to={{ view: 'session', id: session, call: call.id }}
                aria-label={dashboardText.sessions.mark(
                  moment(call.at),
                  whatOf(call),
                  dashboardText.outcomes[call.outcome],
                  duration(call.milliseconds),
                )}
                title={`${moment(call.at)} ${whatOf(call)}`}
                {...(call.id === pointedAt && { 'aria-current': 'true' as const })}
              >
                <Mark outcome={call.outcome} />
              </Link>
            </li>
          ))}
        </ol>
        <p class="ends note">
          <Moment at={from} />
          <span>{duration(to - from)}</span>
          <Moment at={to} />
        </p>
      </div>
    </div>
  );
}
