import { useState } from 'preact/hooks';
import type { Me } from '../../core/dashboard/dashboard-api.ts';
import { ApiRequestError, post, signOutReason } from '../api-client.ts';
import { dashboardText } from '../dashboard-text.ts';
import { shortId } from '../format.ts';
import { paused } from '../live-query.ts';
import { endsNow, navigate, type Route, type RouteTarget, sharedFilters, type View } from '../page-router.ts';
import { useStore } from '../page-store.ts';
import { targetOf } from '../search-target.ts';
import { serverIcon, serverName } from '../server-branding.ts';
import { Link } from './link.tsx';

type Props = { route: Route; me: Me | undefined; isSignedOut: boolean };

export function PageHeader({ route, me, isSignedOut }: Props) {
  return (
    <header class="page-header">
      <div class="header-row">
        <Link to={{ view: 'overview' }} class="brand">
          {serverIcon && <img src={serverIcon} alt="" />}
          {serverName}
        </Link>
        {me && !isSignedOut && (
          <>
            <IdSearch me={me} />
            <span class="signed-in-user" title={me.user}>
              {me.name ?? shortId(me.user)}
            </span>
            <SignOutButton me={me} />
          </>
        )}
      </div>
      {!isSignedOut && (
        <div class="header-row secondary">
          <ViewNavigation route={route} me={me} />
          {me?.isAdmin && <UserScopeSwitch route={route} me={me} />}
          <LiveToggle route={route} />
        </div>
      )}
    </header>
  );
}

/** On a phone the views are a menu, whose button names the current one. */
function ViewNavigation({ route, me }: { route: Route; me: Me | undefined }) {
  const views: View[] = [
    'overview',
    'calls',
    'errors',
    'sessions',
    'grants',
    ...(me?.personalTokens ? ['tokens' as const] : []),
    ...(me?.isAdmin ? ['users' as const] : []),
    'me',
  ];
  const current = route.view === 'session' ? 'sessions' : route.view;
  return (
    <nav class="views" aria-label={dashboardText.nav}>
      <button type="button" class="menu-button" popovertarget="views">
        <span class="visually-hidden">{dashboardText.nav}: </span>
        <span class="current-view">{dashboardText.views[current]}</span>
        <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" focusable="false">
          <path d="M2 4l4 4 4-4" />
        </svg>
      </button>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the click is that of a link, which the keyboard causes too */}
      <ul id="views" popover="auto" onClick={({ currentTarget }) => currentTarget.hidePopover()}>
        {views.map((view) => (
          <li key={view}>
            <Link to={viewTarget(route, view)} {...(view === current && { 'aria-current': 'page' as const })}>
              {dashboardText.views[view]}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Overview and calls share all filters, and errors have tool and outcome. */
function viewTarget(route: Route, view: View): RouteTarget {
  const { client, grant, tool, outcome, by } = route;
  const hasAllFilters = view === 'overview' || view === 'calls';
  if (view === 'errors') return { ...sharedFilters(route), view, tool };
  return { ...sharedFilters(route), view, ...(hasAllFilters && { client, grant, tool, outcome, by }) };
}

function UserScopeSwitch({ route, me }: { route: Route; me: Me }) {
  // These views do not depend on the choice.
  if (['users', 'tokens', 'me', 'session'].includes(route.view)) return null;
  const { userScope: text } = dashboardText;
  const isMine = route.user === me.user;
  return (
    <nav class="segmented" aria-label={text.label}>
      <Link to={{ ...route, id: undefined, user: undefined }} {...(!route.user && { 'aria-current': 'true' as const })}>
        {text.everyone}
      </Link>
      <Link to={{ ...route, id: undefined, user: me.user }} {...(isMine && { 'aria-current': 'true' as const })}>
        {text.onlyMe}
      </Link>
    </nav>
  );
}

function LiveToggle({ route }: { route: Route }) {
  const isPaused = useStore(paused);
  const { live } = dashboardText;
  const hasPeriod = ['overview', 'calls', 'errors', 'sessions'].includes(route.view);
  const isFixed = hasPeriod && !endsNow(route);
  if (isFixed || route.view === 'me' || route.view === 'users') return null;
  return (
    <button
      type="button"
      class={isPaused ? 'small live-toggle paused' : 'small live-toggle'}
      onClick={() => paused.set(!isPaused)}
    >
      <span class="dot" /> <span class="label">{isPaused ? live.paused : live.on}</span>
      <span class="visually-hidden">: {isPaused ? live.resume : live.pause}</span>
    </button>
  );
}

function IdSearch({ me }: { me: Me }) {
  const [message, setMessage] = useState<string>();
  const text = dashboardText.search;
  const find = async (form: HTMLFormElement) => {
    const given = String(new FormData(form).get('id') ?? '').trim();
    if (!given) return;
    setMessage(undefined);
    try {
      const target = await targetOf(given, me);
      form.reset();
      navigate(target);
    } catch (error) {
      setMessage(error instanceof ApiRequestError && error.status === 404 ? text.notFound : text.failed);
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
          aria-label={text.label}
          placeholder={text.label}
          autocomplete="off"
          spellcheck={false}
          onInput={() => setMessage(undefined)}
        />
        <button type="submit">{text.submit}</button>
        <p class="search-message" role="status">
          {message}
        </p>
      </form>
    </search>
  );
}

function SignOutButton({ me }: { me: Me }) {
  const [isSigningOut, setSigningOut] = useState(false);
  const signOut = async () => {
    setSigningOut(true);
    try {
      await post(me, 'sign-out');
      signOutReason.set('signed-out');
    } catch (error) {
      // A 401 means that the user is signed out already.
      if (!(error instanceof ApiRequestError && error.status === 401)) setSigningOut(false);
    }
  };
  return (
    <button type="button" disabled={isSigningOut} onClick={signOut}>
      {dashboardText.signOut}
    </button>
  );
}
