import { useEffect, useRef, useState } from 'preact/hooks';
import type { CallRow } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { brief, duration, moment, size } from '../format.ts';
import { Id } from './copy.tsx';
import { Link } from './link.tsx';
import { Moment } from './moment.tsx';
import { OutcomeBadge } from './outcome-badge.tsx';
import { UserName } from './user-name.tsx';

const { columns, calls: words } = dashboardText;

/** What was called: the tool, or else the method. */
export const whatOf = ({ tool, method }: CallRow): string => tool ?? method;

type Props = {
  calls: CallRow[];
  caption: string;
  showsUsers: boolean;
  showsSessions?: boolean;
  /** The call that the address points to. */
  pointedAt?: string | undefined;
};

export function CallsTable({ calls, caption, showsUsers, showsSessions = true, pointedAt }: Props) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const table = useRef<HTMLTableElement>(null);
  const isThere = calls.some(({ id }) => id === pointedAt);
  useEffect(() => {
    if (!pointedAt || !isThere) return;
    setOpen((before) => new Set([...before, pointedAt]));
    const button = table.current?.querySelector<HTMLElement>(`[data-call="${CSS.escape(pointedAt)}"]`);
    button?.focus({ preventScroll: true });
    button?.closest('tr')?.scrollIntoView({ block: 'center' });
  }, [pointedAt, isThere]);

  const toggle = (id: string) =>
    setOpen((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  const width = 6 + Number(showsUsers) + Number(showsSessions);

  return (
    <table class="cards calls" ref={table}>
      <caption class="unseen">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="unseen">{columns.open}</span>
          </th>
          <th scope="col">{columns.time}</th>
          {showsUsers && <th scope="col">{columns.user}</th>}
          <th scope="col">{columns.client}</th>
          <th scope="col">{columns.tool}</th>
          <th scope="col">{columns.outcome}</th>
          <th scope="col" class="number">
            {columns.duration}
          </th>
          <th scope="col" class="number wide">
            {columns.bytes}
          </th>
          {showsSessions && <th scope="col">{columns.session}</th>}
        </tr>
      </thead>
      {calls.map((call) => (
        <Row
          key={call.id}
          call={call}
          isOpen={open.has(call.id)}
          toggle={() => toggle(call.id)}
          width={width + 1}
          showsUsers={showsUsers}
          showsSessions={showsSessions}
        />
      ))}
    </table>
  );
}

type RowProps = {
  call: CallRow;
  isOpen: boolean;
  toggle(): void;
  width: number;
  showsUsers: boolean;
  showsSessions: boolean;
};

function Row({ call, isOpen, toggle, width, showsUsers, showsSessions }: RowProps) {
  const details = `call-${call.id}`;
  const what = whatOf(call);
  return (
    <tbody class={isOpen ? 'open' : undefined}>
      <tr>
        <td class="opener">
          <button
            type="button"
            class="icon"
            data-call={call.id}
            aria-expanded={isOpen}
            aria-controls={isOpen ? details : undefined}
            aria-label={words.showDetails(`${what}, ${moment(call.at)}`)}
            onClick={toggle}
          >
            <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" focusable="false">
              <path d="M4 2l4 4-4 4" />
            </svg>
          </button>
        </td>
        <td data-label={columns.time} class="nowrap">
          <Moment at={call.at} />
        </td>
        {showsUsers && (
          <td data-label={columns.user}>
            <UserName user={call.user} userName={call.userName} />
          </td>
        )}
        <td data-label={columns.client} title={call.clientVersion}>
          {call.clientLabel}
        </td>
        <td data-label={columns.tool} class={call.tool ? 'tool' : 'tool quiet'}>
          <code>{what}</code>
        </td>
        <td data-label={columns.outcome}>
          <OutcomeBadge outcome={call.outcome} />
        </td>
        <td data-label={columns.duration} class="number">
          {duration(call.milliseconds)}
        </td>
        <td data-label={columns.bytes} class="number wide">
          {size(call.bytesIn)} / {size(call.bytesOut)}
        </td>
        {showsSessions && (
          <td data-label={columns.session}>
            <Link to={{ view: 'session', id: call.session, call: call.id }} title={call.session}>
              <code>{brief(call.session)}</code>
            </Link>
          </td>
        )}
      </tr>
      {isOpen && (
        <tr id={details} class="details">
          <td colSpan={width}>
            <Details call={call} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

function Details({ call }: { call: CallRow }) {
  const { fields } = words;
  const protocol = [dashboardText.eras[call.era], call.protocolVersion].filter(Boolean).join(', ');
  const error = [call.errorCode, call.message].filter((each) => each !== undefined).join(': ');
  return (
    <dl class="facts">
      <div>
        <dt>{fields.id}</dt>
        <dd>
          <Id id={call.id} what={fields.id} />
        </dd>
      </div>
      {error && (
        <div>
          <dt>{fields.error}</dt>
          <dd>{error}</dd>
        </div>
      )}
      <div>
        <dt>{fields.method}</dt>
        <dd>
          <code>{call.method}</code>
        </dd>
      </div>
      <div>
        <dt>{fields.bytes}</dt>
        <dd>
          {size(call.bytesIn)} / {size(call.bytesOut)}
        </dd>
      </div>
      <div>
        <dt>{fields.protocol}</dt>
        <dd>{protocol}</dd>
      </div>
      <div>
        <dt>{fields.client}</dt>
        <dd>
          {[call.clientLabel, call.clientVersion].filter(Boolean).join(' ')}
          {call.client !== call.clientLabel && (
            <>
              <br />
              <code class="quiet">{call.client}</code>
            </>
          )}
        </dd>
      </div>
      <div>
        <dt>{fields.user}</dt>
        <dd>
          <Id id={call.user} what={fields.user} />
        </dd>
      </div>
      <div>
        <dt>{fields.grant}</dt>
        <dd>
          <Link to={{ view: 'grants', user: call.user, id: call.grant }}>
            <code>{call.grant}</code>
          </Link>
        </dd>
      </div>
      {call.traceId && (
        <div>
          <dt>{fields.trace}</dt>
          <dd>
            <Id id={call.traceId} what={fields.trace} />
          </dd>
        </div>
      )}
      {call.arguments !== undefined && (
        <div>
          <dt>{fields.arguments}</dt>
          <dd>
            <code>{call.arguments}</code>
          </dd>
        </div>
      )}
    </dl>
  );
}
