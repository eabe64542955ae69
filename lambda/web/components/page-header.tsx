import { useEffect, useRef, useState } from 'preact/hooks';
import type { IdSearchResult, Me } from '../../core/dashboard/dashboard-api.ts';
import { Failure, get, post, signedOut } from '../api-client.ts';
import { dashboardText } from '../dashboard-text.ts';
import { brief } from '../format.ts';
import { paused } from '../live-data.ts';
import { endsNow, go, kept, queryOf, type Route, type RouteTarget, type View } from '../page-router.ts';
import { useStore } from '../page-store.ts';
import { Link } from './link.tsx';

type Props = { route: Route; me: Me | undefined; isSignedOut: boolean };

export function Header({ route, me, isSignedOut }: Props) {
  return (
    <header class="top">
      <div class="row">
        <Link to={{ view: 'overview' }} class="brand">
          {dashboardText.product}
        </Link>
        {me && !isSignedOut && (
          <>
            <Search me={me} />
            <span class="who" title={me.user}>
              {me.name ?? brief(me.user)}
            </span>
            <SignOut me={me} />
          </>
        )}
      </div>
      {!isSignedOut && (
        <div class="row second">
          <Views route={route} me={me} />
          {me?.isAdmin && <Scope route={route} me={me} />}
          <LiveSwitch route={route} />
        </div>
      )}
    </header>
  );
}

function Views({ route, me }: { route: Route; me: Me | undefined }) {
  const views: View[] = ['overview', 'calls', 'sessions', 'grants', ...(me?.isAdmin ? ['users' as const] : []), 'me'];
  const current = route.view === 'session' ? 'sessions' : route.view;
  const nav = useRef<HTMLElement>(null);
  // On a phone there is not room for all of them.
  useEffect(() => {
    const link = nav.current?.querySelector<HTMLElement>('[aria-current]');
    if (link && nav.current) nav.current.scrollLeft = link.offsetLeft - nav.current.offsetLeft - 16;
  }, [current, me]);
  return (
    <nav ref={nav} class="views" aria-label={dashboardText.nav}>
      <ul>
        {views.map((view) => (
          <li key={view}>
            <Link to={targetOf(route, view)} {...(view === current && { 'aria-current': 'page' as const })}>
              {dashboardText.views[view]}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Overview and calls look at the same; the others know of no tool or outcome. */
function targetOf(route: Route, view: View): RouteTarget {
  const { client, grant, tool, outcome, by } = route;
  const isSame = view === 'overview' || view === 'calls';
  return { ...kept(route), view, ...(isSame && { client, grant, tool, outcome, by }) };
}

function Scope({ route, me }: { route: Route; me: Me }) {
  // These are nobody's in particular.
  if (route.view === 'users' || route.view === 'me' || route.view === 'session') return null;
  const { scope } = dashboardText;
  const isMine = route.user === me.user;
  return (
    <nav class="switch" aria-label={scope.label}>
      <Link to={{ ...route, id: undefined, user: undefined }} {...(!route.user && { 'aria-current': 'true' as const })}>
        {scope.everyone}
      </Link>
      <Link to={{ ...route, id: undefined, user: me.user }} {...(isMine && { 'aria-current': 'true' as const })}>
        {scope.onlyMe}
      </Link>
    </nav>
  );
}

function LiveSwitch({ route }: { route: Route }) {
  const isPaused = useStore(paused);
  const { live } = dashboardText;
  const hasTime = route.view === 'overview' || route.view === 'calls' || route.view === 'sessions';
  const isFixed = hasTime && !endsNow(route);
  if (isFixed || route.view === 'me') return null;
  return (
    <button type="button" class={isPaused ? 'small live off' : 'small live'} onClick={() => paused.set(!isPaused)}>
      <span class="dot" /> {isPaused ? live.off : live.on}
      <span class="unseen">: {isPaused ? live.resume : live.pause}</span>
    </button>
  );
}

function Search({ me }: { me: Me }) {
  const [problem, setProblem] = useState<string>();
  const words = dashboardText.search;
  const find = async (form: HTMLFormElement) => {
    const id = String(new FormData(form).get('id') ?? '').trim();
    if (!id) return;
    setProblem(undefined);
    try {
      const found = await get<IdSearchResult>('find', queryOf({ id }), new AbortController().signal);
      form.reset();
      go(placeOf(found, me));
    } catch (error) {
      setProblem(error instanceof Failure && error.status === 404 ? words.nothing : words.failed);
    }
  };
  return (
    <search>
      <form
        class="search"
        onSubmit={(event) => {
          event.preventDefault();
          find(event.currentTarget);
        }}
      >
        <input
          type="search"
          name="id"
          aria-label={words.label}
          placeholder={words.label}
          autocomplete="off"
          spellcheck={false}
          onInput={() => setProblem(undefined)}
        />
        <button type="submit">{words.go}</button>
        <p class="problem" role="status">
          {problem}
        </p>
      </form>
    </search>
  );
}

function placeOf(found: IdSearchResult, me: Me): RouteTarget {
  const user = (key: string) => (me.isAdmin ? { user: key } : {});
  switch (found.kind) {
    case 'session':
      return { view: 'session', id: found.session };
    case 'call':
      return { view: 'session', id: found.session, call: found.call };
    case 'grant':
      return { view: 'grants', id: found.grant, ...user(found.user) };
    case 'user':
      return { view: 'overview', ...user(found.user) };
  }
}

function SignOut({ me }: { me: Me }) {
  const [isLeaving, setLeaving] = useState(false);
  const leave = async () => {
    setLeaving(true);
    try {
      await post(me, 'sign-out');
      signedOut.set('signed-out');
    } catch (error) {
      // Who is not signed in is signed out.
      if (!(error instanceof Failure && error.status === 401)) setLeaving(false);
    }
  };
  return (
    <button type="button" disabled={isLeaving} onClick={leave}>
      {dashboardText.signOut}
    </button>
  );
}
