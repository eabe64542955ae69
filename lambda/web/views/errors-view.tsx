import { useState } from 'preact/hooks';
import { type ErrorOverview, type ErrorRow, OTHERS } from '../../core/dashboard/dashboard-api.ts';
import { get } from '../api-client.ts';
import { CopyableId } from '../components/copy-button.tsx';
import { DisclosureButton } from '../components/disclosure-button.tsx';
import { Filters } from '../components/filters.tsx';
import { Link } from '../components/link.tsx';
import { OutcomeBadge } from '../components/outcome-badge.tsx';
import { EmptyState, ErrorMessage, Skeleton } from '../components/placeholders.tsx';
import { PropertyList } from '../components/property-list.tsx';
import { onRowClick } from '../components/row-click.ts';
import { Timestamp } from '../components/timestamp.tsx';
import { Trend } from '../components/trend.tsx';
import { dashboardText } from '../dashboard-text.ts';
import { count, time } from '../format.ts';
import { useLiveQuery } from '../live-query.ts';
import { endsNow, filterOf, hrefOf, type Route, type RouteTarget } from '../page-router.ts';
import { showsUsers, type ViewProps } from './view-props.ts';

const { columns, errors: text } = dashboardText;

export function ErrorsView({ route, me }: ViewProps) {
  const own: Route = { ...route, client: undefined, clientInfo: undefined, grant: undefined };
  const { data, error, retrySeconds, isStale } = useLiveQuery(
    hrefOf({ ...own, by: 'outcome' }),
    (signal) => get<ErrorOverview>('errors', filterOf(own), signal),
    { isLive: endsNow(route) },
  );
  const withUsers = showsUsers({ route, me });
  return (
    <>
      <h1>{dashboardText.views.errors}</h1>
      <Filters route={own} me={me} names={['tool']} hasOutcome />
      <ErrorMessage error={error} retrySeconds={retrySeconds} />
      {!data || !me ? (
        !error && <Skeleton kind="row" count={8} />
      ) : (
        <section class="panel" aria-label={text.caption} aria-busy={isStale}>
          {data.completeSince !== undefined && (
            <p class="warning" role="note">
              {dashboardText.overview.completeSince(time(data.completeSince))}
            </p>
          )}
          {data.groups.length === 0 ? (
            <EmptyState heading={text.empty}>{text.emptyHint}</EmptyState>
          ) : (
            <table class="list errors">
              <caption class="visually-hidden">{text.caption}</caption>
              <thead>
                <tr>
                  <th scope="col">
                    <span class="visually-hidden">{columns.details}</span>
                  </th>
                  <th scope="col">{columns.error}</th>
                  <th scope="col">{columns.trend}</th>
                  <th scope="col">{columns.lastSeen}</th>
                  <th scope="col" class="number">
                    {columns.calls}
                  </th>
                  {withUsers && (
                    <th scope="col" class="number">
                      {columns.users}
                    </th>
                  )}
                </tr>
              </thead>
              {data.groups.map((group) => (
                <ErrorRows key={keyOf(group)} group={group} route={own} withUsers={withUsers} />
              ))}
            </table>
          )}
        </section>
      )}
    </>
  );
}

const keyOf = ({ error, tool, outcome }: ErrorRow) => error ?? `${outcome} ${tool}`;

/** The class of what a tool has thrown, or the outcome. */
const titleOf = ({ errorClass, outcome }: ErrorRow) => errorClass ?? dashboardText.outcomes[outcome];

type ErrorRowsProps = { group: ErrorRow; route: Route; withUsers: boolean };

function ErrorRows({ group, route, withUsers }: ErrorRowsProps) {
  const [isExpanded, setExpanded] = useState(false);
  const toggle = () => setExpanded(!isExpanded);
  const { tool, outcome, errorMessage, errorPlace, calls, users, isEstimate, lastAt, bars } = group;
  const detailsId = `error-${keyOf(group)}`;
  const toolName = tool === OTHERS ? dashboardText.others : tool;
  return (
    <tbody class={isExpanded ? 'expanded' : undefined}>
      <tr class="clickable" onClick={onRowClick(toggle)}>
        <td class="disclosure">
          <DisclosureButton
            isExpanded={isExpanded}
            controls={detailsId}
            label={dashboardText.calls.showDetails(`${titleOf(group)}, ${toolName}`)}
            toggle={toggle}
          />
        </td>
        <th scope="row" class="main">
          <OutcomeBadge outcome={outcome}>{titleOf(group)}</OutcomeBadge> <code>{toolName}</code>
          {errorMessage && <span class="note line">{errorMessage}</span>}
          {errorPlace && <code class="note line">{errorPlace}</code>}
        </th>
        <td class="trend-cell">
          <Trend bars={bars} />
        </td>
        <td class="nowrap">
          <Timestamp at={lastAt} />
        </td>
        <td class="number">
          <Link to={callsOf(group, route)}>{count(calls)}</Link>
          <span class="unit"> {dashboardText.counted.calls(calls)}</span>
        </td>
        {withUsers && (
          <td class="number">
            {isEstimate ? dashboardText.overview.about(count(users)) : count(users)}
            <span class="unit"> {dashboardText.counted.users(users)}</span>
          </td>
        )}
      </tr>
      {isExpanded && (
        <tr id={detailsId} class="details">
          <td colSpan={5 + Number(withUsers)}>
            <ErrorDetails group={group} route={route} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

/** The calls of the group. */
const callsOf = ({ error, tool, outcome }: ErrorRow, route: Route): RouteTarget => ({
  ...route,
  view: 'calls',
  ...(error === undefined
    ? { outcome, ...(tool !== OTHERS && { tool }) }
    : { error, outcome: undefined, tool: undefined }),
});

type ErrorDetailsProps = { group: ErrorRow; route: Route };

function ErrorDetails({ group, route }: ErrorDetailsProps) {
  const { fields } = dashboardText.calls;
  const { outcome, errorMessage, errorPlace, clients, firstAt, last, calls } = group;
  const id = last.call.slice(last.call.indexOf('#') + 1);
  return (
    <div class="stack">
      <PropertyList
        properties={[
          [fields.place, errorPlace && <CopyableId id={errorPlace} label={fields.place} />],
          [fields.error, errorMessage],
          [columns.firstSeen, <Timestamp key="first" at={firstAt} />],
          [text.clients, clients.join(', ')],
          [fields.id, <CopyableId key="id" id={id} label={fields.id} />],
        ]}
      />
      {outcome === 'tool-error' && <p class="note">{text.stackHint(id)}</p>}
      <p class="actions">
        <Link to={{ view: 'session', id: last.session, call: id }}>{text.lastCall}</Link>
        <Link to={callsOf(group, route)}>{text.allCalls(count(calls))}</Link>
      </p>
    </div>
  );
}
