import { useState } from 'preact/hooks';
import type { Me } from '../../core/dashboard/dashboard-api.ts';
import { callOutcomes, ERRORS } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { datetimeLocal, shortId, timeSpan } from '../format.ts';
import { navigate, periodOf, type RangeName, type Route, ranges } from '../page-router.ts';
import { isNarrow, useStore } from '../page-store.ts';
import { suggestions } from '../suggestions.ts';
import { Link } from './link.tsx';
import { useNameOf } from './user-name.tsx';

const text = dashboardText.filters;
const CUSTOM = 'custom';

type NameMember = 'client' | 'clientInfo' | 'tool';

type FiltersProps = {
  route: Route;
  me: Me | undefined;
  /** The names that the view can be filtered by. */
  names?: readonly NameMember[];
  hasOutcome?: boolean;
};

/** The filters of a view. Each change navigates to a new URL, which the view reads. */
export function Filters({ route, me, names = ['client', 'clientInfo', 'tool'], hasOutcome = true }: FiltersProps) {
  const set = (changes: Partial<Route>) => navigate({ ...route, call: undefined, ...changes });
  const [isUnfolded, setUnfolded] = useState(false);
  const narrow = useStore(isNarrow);
  return (
    <search class="filters" aria-label={text.label}>
      <details open={isUnfolded || !narrow} onToggle={({ currentTarget }) => narrow && setUnfolded(currentTarget.open)}>
        <summary>{text.label}</summary>
        <form onSubmit={(event) => event.preventDefault()}>
          <PeriodFilter route={route} set={set} />
          {me?.isAdmin && <UserFilter route={route} set={set} />}
          {names.map((by) => (
            <NameFilter key={by} by={by} route={route} set={set} />
          ))}
          {hasOutcome && <OutcomeFilter route={route} set={set} />}
          <button type="submit" class="visually-hidden">
            {text.apply}
          </button>
        </form>
      </details>
      <SuggestionLists />
      <ActiveFilters route={route} me={me} />
    </search>
  );
}

type FilterProps = { route: Route; set(changes: Partial<Route>): void };

/** A range that ends now, or a custom period. */
function PeriodFilter({ route, set }: FilterProps) {
  const { from, to } = route;
  const setPeriod = (form: HTMLFormElement) => {
    const timeOf = (name: string) => new Date((form.elements.namedItem(name) as HTMLInputElement).value).getTime();
    const period = { from: timeOf('from'), to: timeOf('to') };
    if (period.from < period.to) set(period);
  };
  return (
    <>
      <label>
        {text.range}
        <select
          value={from === undefined ? route.range : CUSTOM}
          onChange={({ currentTarget: { value } }) =>
            value === CUSTOM
              ? set(periodOf(route, Date.now()))
              : set({ range: value as RangeName, from: undefined, to: undefined })
          }
        >
          {(Object.keys(ranges) as RangeName[]).map((range) => (
            <option key={range} value={range}>
              {text.ranges[range]}
            </option>
          ))}
          <option value={CUSTOM}>{text.custom}</option>
        </select>
      </label>
      {from !== undefined &&
        to !== undefined &&
        (['from', 'to'] as const).map((end) => (
          <label key={`${end} ${route[end]}`}>
            {text[end]}
            <input
              type="datetime-local"
              name={end}
              required
              defaultValue={datetimeLocal(route[end]!)}
              onChange={({ currentTarget: { form } }) => form && setPeriod(form)}
            />
          </label>
        ))}
    </>
  );
}

function UserFilter({ route, set }: FilterProps) {
  const { users } = useStore(suggestions);
  const keyOf = (input: string | undefined) => [...users].find(([, name]) => name === input)?.[0] ?? input;
  return (
    <label>
      {text.user}
      <input
        // The key keeps the input during a refresh, and resets it when the route changes.
        key={route.user}
        name="user"
        list="user-suggestions"
        autocomplete="off"
        placeholder={text.userHint}
        defaultValue={route.user ? (users.get(route.user) ?? route.user) : ''}
        onChange={(event) => set({ user: keyOf(inputValue(event)) })}
      />
    </label>
  );
}

/** Filters by a name of the client or by tool, with suggestions. */
const NameFilter = ({ by, route, set }: FilterProps & { by: NameMember }) => (
  <label>
    {text[by]}
    <input
      key={route[by]}
      name={by}
      list={`${by}-suggestions`}
      autocomplete="off"
      placeholder={text.any}
      defaultValue={route[by] ?? ''}
      onChange={(event) => set({ [by]: inputValue(event) })}
    />
  </label>
);

const OutcomeFilter = ({ route, set }: FilterProps) => (
  <label>
    {text.outcome}
    <select
      value={route.outcome ?? ''}
      onChange={({ currentTarget: { value } }) => set({ outcome: (value || undefined) as Route['outcome'] })}
    >
      <option value="">{text.any}</option>
      <option value={ERRORS}>{dashboardText.anyError}</option>
      {callOutcomes.map((outcome) => (
        <option key={outcome} value={outcome}>
          {dashboardText.outcomes[outcome]}
        </option>
      ))}
    </select>
  </label>
);

function SuggestionLists() {
  const { users, tools, clients, clientInfos } = useStore(suggestions);
  const lists = { user: users.values(), client: clients, clientInfo: clientInfos, tool: tools };
  return (
    <>
      {Object.entries(lists).map(([kind, names]) => (
        <datalist key={kind} id={`${kind}-suggestions`}>
          {[...names].map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      ))}
    </>
  );
}

const inputValue = (event: Event) => (event.currentTarget as HTMLInputElement).value.trim() || undefined;

/** The active filters, each a link that removes it. */
export function ActiveFilters({ route, me }: { route: Route; me: Me | undefined }) {
  const filters = useActiveFilters(route, me);
  if (!filters.length) return null;
  return (
    <ul class="active-filters" aria-label={text.active}>
      {filters.map(({ label, without }) => (
        <li key={label}>
          <Link class="filter-chip" to={{ ...route, ...without }} aria-label={text.remove(label)}>
            <span>{label}</span> <span aria-hidden="true">✕</span>
          </Link>
        </li>
      ))}
      {filters.length > 1 && (
        <li>
          <Link to={{ view: route.view, range: route.range, by: route.by, user: ownKeyIn(route, me) }}>
            {text.clear}
          </Link>
        </li>
      )}
    </ul>
  );
}

/** The user's own key is not a filter but the choice "Only me" of the page header. */
const ownKeyIn = (route: Route, me: Me | undefined) => (route.user === me?.user ? route.user : undefined);

type ActiveFilter = { label: string; without: Partial<Route> };

function useActiveFilters(route: Route, me: Me | undefined): ActiveFilter[] {
  const nameOf = useNameOf();
  const filters: ActiveFilter[] = [];
  const { from, to, outcome, error } = route;
  if (from !== undefined && to !== undefined) {
    filters.push({ label: timeSpan(from, to), without: { from: undefined, to: undefined } });
  }
  if (route.user && me?.isAdmin && route.user !== me.user) {
    filters.push({ label: `${text.user} ${nameOf(route.user)}`, without: { user: undefined } });
  }
  if (route.grant) filters.push({ label: `${text.grant} ${shortId(route.grant)}`, without: { grant: undefined } });
  if (route.client) filters.push({ label: `${text.client} ${route.client}`, without: { client: undefined } });
  if (route.clientInfo) {
    filters.push({ label: `${text.clientInfo} ${route.clientInfo}`, without: { clientInfo: undefined } });
  }
  if (route.tool) filters.push({ label: `${text.tool} ${route.tool}`, without: { tool: undefined } });
  if (error) filters.push({ label: `${text.error} ${shortId(error)}`, without: { error: undefined } });
  if (outcome) {
    const label = outcome === ERRORS ? dashboardText.anyError : dashboardText.outcomes[outcome];
    filters.push({ label, without: { outcome: undefined } });
  }
  return filters;
}
