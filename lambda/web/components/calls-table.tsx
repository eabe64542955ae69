import { useEffect, useRef, useState } from 'preact/hooks';
import { type CallRow, toolOf } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { byteSize, duration, shortId, time } from '../format.ts';
import { ClientName } from './client-name.tsx';
import { CopyableId } from './copy-button.tsx';
import { DisclosureButton } from './disclosure-button.tsx';
import { Link } from './link.tsx';
import { OutcomeBadge } from './outcome-badge.tsx';
import { PropertyList } from './property-list.tsx';
import { onRowClick } from './row-click.ts';
import { Timestamp } from './timestamp.tsx';
import { UserName } from './user-name.tsx';

const { columns, calls: text } = dashboardText;

type Props = {
  calls: CallRow[];
  caption: string;
  showsUsers: boolean;
  showsSessions?: boolean;
  /** The id of the call to expand and scroll to. */
  selectedCall?: string | undefined;
};

export function CallsTable({ calls, caption, showsUsers, showsSessions = true, selectedCall }: Props) {
  const { table, expanded, toggle } = useExpandedCalls(calls, selectedCall);
  const columnCount = 7 + Number(showsUsers) + Number(showsSessions);
  return (
    <table class="list calls" ref={table}>
      <caption class="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          <th scope="col">
            <span class="visually-hidden">{columns.details}</span>
          </th>
          <th scope="col">{columns.time}</th>
          {showsUsers && <th scope="col">{columns.user}</th>}
          <th scope="col">{columns.client}</th>
          <th scope="col">{columns.tool}</th>
          <th scope="col">{columns.outcome}</th>
          <th scope="col" class="number">
            {columns.duration}
          </th>
          <th scope="col" class="number wide-only">
            {columns.bytes}
          </th>
          {showsSessions && (
            <th scope="col" class="table-only">
              {columns.session}
            </th>
          )}
        </tr>
      </thead>
      {calls.map((call) => (
        <CallRows
          key={call.id}
          call={call}
          isExpanded={expanded.has(call.id)}
          toggle={() => toggle(call.id)}
          columnCount={columnCount}
          showsUsers={showsUsers}
          showsSessions={showsSessions}
        />
      ))}
    </table>
  );
}

/** The ids of the expanded calls. Expands, focuses and scrolls to the selected call as soon as it is loaded. */
function useExpandedCalls(calls: CallRow[], selectedCall: string | undefined) {
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set());
  const table = useRef<HTMLTableElement>(null);
  const isLoaded = calls.some(({ id }) => id === selectedCall);
  useEffect(() => {
    if (!selectedCall || !isLoaded) return;
    setExpanded((before) => new Set([...before, selectedCall]));
    const button = table.current?.querySelector<HTMLElement>(`[data-call="${CSS.escape(selectedCall)}"]`);
    button?.focus({ preventScroll: true });
    button?.closest('tr')?.scrollIntoView({ block: 'center' });
  }, [selectedCall, isLoaded]);

  const toggle = (id: string) =>
    setExpanded((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  return { table, expanded, toggle };
}

type CallRowsProps = {
  call: CallRow;
  isExpanded: boolean;
  toggle(): void;
  columnCount: number;
  showsUsers: boolean;
  showsSessions: boolean;
};

function CallRows({ call, isExpanded, toggle, columnCount, showsUsers, showsSessions }: CallRowsProps) {
  const detailsId = `call-${call.id}`;
  const name = toolOf(call);
  return (
    <tbody class={isExpanded ? 'expanded' : undefined}>
      <tr class="clickable" onClick={onRowClick(toggle)}>
        <td class="disclosure">
          <DisclosureButton
            isExpanded={isExpanded}
            controls={detailsId}
            label={text.showDetails(`${name}, ${time(call.at)}`)}
            call={call.id}
            toggle={toggle}
          />
        </td>
        <td class="nowrap">
          <Timestamp at={call.at} />
        </td>
        {showsUsers && (
          <td>
            <UserName user={call.user} userName={call.userName} />
          </td>
        )}
        <td class="client" title={call.clientVersion}>
          <ClientName client={call} />
        </td>
        <th scope="row" class={call.tool ? 'main' : 'main muted'}>
          <code>{name}</code>
        </th>
        <td class="first">
          <OutcomeBadge outcome={call.outcome} />
        </td>
        <td class="number">{duration(call.milliseconds)}</td>
        <td class="number wide-only">
          {byteSize(call.bytesIn)} / {byteSize(call.bytesOut)}
        </td>
        {showsSessions && (
          <td class="table-only">
            <Link to={{ view: 'session', id: call.session, call: call.id }} title={call.session}>
              <code>{shortId(call.session)}</code>
            </Link>
          </td>
        )}
      </tr>
      {isExpanded && (
        <tr id={detailsId} class="details">
          <td colSpan={columnCount}>
            <CallDetails call={call} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

function CallDetails({ call }: { call: CallRow }) {
  const { fields } = text;
  const protocol = [dashboardText.eras[call.era], call.protocolVersion].filter(Boolean).join(', ');
  const error = [call.errorCode, call.message, call.errorClass, call.errorMessage]
    .filter((each) => each !== undefined)
    .join(': ');
  return (
    <PropertyList
      properties={[
        [fields.id, <CopyableId key="id" id={call.id} label={fields.id} />],
        [fields.error, error || undefined],
        [fields.place, call.errorPlace && <CopyableId id={call.errorPlace} label={fields.place} />],
        [fields.fingerprint, call.errorFingerprint && <SameErrors call={call} />],
        [fields.method, <code key="method">{call.method}</code>],
        [fields.bytes, `${byteSize(call.bytesIn)} / ${byteSize(call.bytesOut)}`],
        [fields.protocol, protocol],
        [fields.client, <ClientDescription key="client" call={call} />],
        [fields.user, <CopyableId key="user" id={call.user} label={fields.user} />],
        [
          fields.grant,
          <Link key="grant" to={{ view: 'grants', user: call.user, id: call.grant }}>
            <code>{call.grant}</code>
          </Link>,
        ],
        [
          fields.session,
          <Link key="session" to={{ view: 'session', id: call.session, call: call.id }}>
            <code>{call.session}</code>
          </Link>,
        ],
        [fields.trace, call.traceId && <CopyableId id={call.traceId} label={fields.trace} />],
        [fields.arguments, call.arguments === undefined ? undefined : <code>{call.arguments}</code>],
      ]}
    />
  );
}

/** A link to the calls with the same error. */
const SameErrors = ({ call: { errorFingerprint: error } }: { call: CallRow }) => (
  <Link to={{ view: 'calls', range: '30d', error }}>{text.sameErrors}</Link>
);

const ClientDescription = ({ call }: { call: CallRow }) => (
  <>
    <ClientName client={call} /> {call.clientVersion}
    {call.client !== call.clientLabel && (
      <>
        <br />
        <code class="muted">{call.client}</code>
      </>
    )}
  </>
);
