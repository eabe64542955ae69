import { type CallRow, toolOf } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { duration, time } from '../format.ts';
import { Link } from './link.tsx';
import { OutcomeIcon } from './outcome-badge.tsx';
import { Timestamp } from './timestamp.tsx';

/** In percent of the timeline, so that a bar is large enough to tap. */
const MIN_BAR_WIDTH = 2.6;
const MAX_LANES = 8;

type Props = { calls: CallRow[]; session: string; from: number; to: number; selectedCall: string | undefined };

/** The calls of a session as bars over time. Bars that overlap are in separate lanes, up to the maximum. */
export function Timeline({ calls, session, from, to, selectedCall }: Props) {
  const length = Math.max(1, to - from);
  const lanes: number[] = [];
  const bars = calls.map((call) => {
    const width = Math.min(100, Math.max(MIN_BAR_WIDTH, (call.milliseconds / length) * 100));
    const left = Math.max(0, Math.min(100 - width, ((call.at - from) / length) * 100));
    let lane = lanes.findIndex((end) => end <= left);
    if (lane < 0) lane = lanes.length < MAX_LANES ? lanes.length : lanes.indexOf(Math.min(...lanes));
    lanes[lane] = left + width + 0.2;
    return { call, left, width, lane };
  });
  return (
    <div class="scroller">
      <div class="timeline" style={{ '--lanes': lanes.length }}>
        <ol>
          {bars.map(({ call, left, width, lane }) => (
            <li key={call.id} style={{ left: `${left}%`, width: `${width}%`, '--lane': lane }}>
              <Link
                replace
                class={`bar ${call.outcome}`}
                to={{ view: 'session', id: session, call: call.id }}
                aria-label={dashboardText.sessions.timelineCall(
                  time(call.at),
                  toolOf(call),
                  dashboardText.outcomes[call.outcome],
                  duration(call.milliseconds),
                )}
                title={`${time(call.at)} ${toolOf(call)}`}
                {...(call.id === selectedCall && { 'aria-current': 'true' as const })}
              >
                <OutcomeIcon outcome={call.outcome} />
              </Link>
            </li>
          ))}
        </ol>
        <p class="timeline-ends note">
          <Timestamp at={from} />
          <span>{duration(to - from)}</span>
          <Timestamp at={to} />
        </p>
      </div>
    </div>
  );
}
