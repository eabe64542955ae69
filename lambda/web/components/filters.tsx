import type { Me } from '../../core/dashboard/dashboard-api.ts';
import { ERRORS } from '../../core/dashboard/dashboard-api.ts';
import { dashboardText } from '../dashboard-text.ts';
import { brief, localInput, span } from '../format.ts';
import { known } from '../known-values.ts';
import { go, outcomes, type RangeName, type Route, ranges, windowOf } from '../page-router.ts';
import { useStore } from '../page-store.ts';
import { Link } from './link.tsx';
import { useNameOf } from './user-name.tsx';

const words = dashboardText.filters;
const CUSTOM = 'custom';

/**
 * Every change goes to the address, from where the view takes it.
 * @param ofCalls whether single calls are looked for, which have a tool and an outcome
 */
export function Filters({ route, me, ofCalls = true }: { route: Route; me: Me | undefined; ofCalls?: boolean }) {
  const { users, tools, clients } = useStore(known);
  const isCustom = route.from !== undefined;
  const set = (changes: Partial<Route>) => go({ ...route, call: undefined, ...changes });
  const keyOf = (typed: string | undefined) => [...users].find(([, name]) => name === typed)?.[0] ?? typed;

  const setTime = (form: HTMLFormElement) => {
    const at = (name: string) => new Date((form.elements.namedItem(name) as HTMLInputElement).value).getTime();
    const [from, to] = [at('from'), at('to')];
    if (from < to) set({ from, to });
  };

  return (
    <search class="filters" aria-label={words.label}>
      <form onSubmit={(event) => event.preventDefault()}>
        <label>
          {words.range}
          <select
            value={isCustom ? CUSTOM : route.range}
            onChange={({ currentTarget: { value } }) =>
              value === CUSTOM
                ? set(windowOf(route, Date.now()))
                : set({ range: value as RangeName, from: undefined, to: undefined })
            }
          >
            {(Object.keys(ranges) as RangeName[]).map((range) => (
              <option key={range} value={range}>
                {words.ranges[range]}
              </option>
            ))}
            <option value={CUSTOM}>{words.custom}</option>
          </select>
        </label>
        {route.from !== undefined &&
          route.to !== undefined &&
          (['from', 'to'] as const).map((end) => (
            <label key={`${end} ${route[end]}`}>
              {words[end]}
              <input
                type="datetime-local"
                name={end}
                required
                defaultValue={localInput(route[end]!)}
                onChange={({ currentTarget: { form } }) => form && setTime(form)}
              />
            </label>
          ))}
        {me?.isAdmin && (
          <label>
            {words.user}
            <input
              // A key, so that what is being typed outlives a refresh and not a change of the address.
              key={route.user}
              name="user"
              list="known-users"
              autocomplete="off"
              placeholder={words.userHint}
              defaultValue={route.user ? (users.get(route.user) ?? route.user) : ''}
              onChange={(event) => set({ user: keyOf(text(event)) })}
            />
          </label>
        )}
        <Named by="client" route={route} set={set} />
        {ofCalls && (
          <>
            <Named by="tool" route={route} set={set} />
            <label>
              {words.outcome}
              <select
                value={route.outcome ?? ''}
                onChange={({ currentTarget: { value } }) => set({ outcome: (value || undefined) as Route['outcome'] })}
              >
                <option value="">{words.any}</option>
                <option value={ERRORS}>{dashboardText.anyError}</option>
                {outcomes.map((outcome) => (
                  <option key={outcome} value={outcome}>
                    {dashboardText.outcomes[outcome]}
                  </option>
                ))}
              </select>
            </label>
          </>
        )}
        <button type="submit" class="unseen">
          {words.apply}
        </button>
      </form>
      <datalist id="known-users">
        {[...users].map(([user, name]) => (
          <option key={user} value={name} />
        ))}
      </datalist>
      <datalist id="known-clients">
        {[...clients].map((client) => (
          <option key={client} value={client} />
        ))}
      </datalist>
      <datalist id="known-tools">
        {[...tools].map((tool) => (
          <option key={tool} value={tool} />
        ))}
      </datalist>
      <Chips route={route} me={me} />
    </search>
  );
}

const text = (event: Event) => (event.currentTarget as HTMLInputElement).value.trim() || undefined;

type NamedProps = { by: 'client' | 'tool'; route: Route; set(changes: Partial<Route>): void };

/** A field for a name, of which those that are known are offered. */
const Named = ({ by, route, set }: NamedProps) => (
  <label>
    {words[by]}
    <input
      key={route[by]}
      name={by}
      list={`known-${by}s`}
      autocomplete="off"
      placeholder={words.any}
      defaultValue={route[by] ?? ''}
      onChange={(event) => set({ [by]: text(event) })}
    />
  </label>
);

/** What is left out of sight, each with the way to have it back. */
export function Chips({ route, me }: { route: Route; me: Me | undefined }) {
  const nameOf = useNameOf();
  const { user, grant, client, tool, outcome, from, to } = route;
  const chips: { what: string; without: Partial<Route> }[] = [];
  if (from !== undefined && to !== undefined)
    chips.push({ what: span(from, to), without: { from: undefined, to: undefined } });
  // One's own name is in the switch above already.
  if (user && me?.isAdmin && user !== me.user)
    chips.push({ what: `${words.user} ${nameOf(user)}`, without: { user: undefined } });
  if (grant) chips.push({ what: `${words.grant} ${brief(grant)}`, without: { grant: undefined } });
  if (client) chips.push({ what: `${words.client} ${client}`, without: { client: undefined } });
  if (tool) chips.push({ what: `${words.tool} ${tool}`, without: { tool: undefined } });
  if (outcome)
    chips.push({
      what: outcome === ERRORS ? dashboardText.anyError : dashboardText.outcomes[outcome],
      without: { outcome: undefined },
    });
  if (!chips.length) return null;
  return (
    <ul class="chips" aria-label={words.chips}>
      {chips.map(({ what, without }) => (
        <li key={what}>
          <Link class="chip" to={{ ...route, ...without }} aria-label={words.remove(what)}>
            <span>{what}</span> <span aria-hidden="true">✕</span>
          </Link>
        </li>
      ))}
      {chips.length > 1 && (
        <li>
          <Link to={{ view: route.view, range: route.range, by: route.by, user: user === me?.user ? user : undefined }}>
            {words.clear}
          </Link>
        </li>
      )}
    </ul>
  );
}
