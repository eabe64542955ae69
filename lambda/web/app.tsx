import type { FunctionComponent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Me } from '../core/dashboard/dashboard-api.ts';
import { get, signedOut } from './api-client.ts';
import { Header } from './components/page-header.tsx';
import { ErrorMessage } from './components/placeholders.tsx';
import { announce, Status } from './components/status-line.tsx';
import { dashboardText } from './dashboard-text.ts';
import { learn } from './known-values.ts';
import { useLive } from './live-data.ts';
import { useRoute, type View } from './page-router.ts';
import { useStore } from './page-store.ts';
import { CallsView } from './views/calls-view.tsx';
import { ConnectedAppsView } from './views/grants-view.tsx';
import { MyDataView } from './views/my-data-view.tsx';
import { OverviewView } from './views/overview-view.tsx';
import { SessionView } from './views/session-view.tsx';
import { SessionsView } from './views/sessions-view.tsx';
import { SignedOutView } from './views/signed-out-view.tsx';
import { UsersView } from './views/users-view.tsx';
import type { ViewProps } from './views/view-props.ts';

const views: Record<View, FunctionComponent<ViewProps>> = {
  overview: OverviewView,
  calls: CallsView,
  sessions: SessionsView,
  session: SessionView,
  grants: ConnectedAppsView,
  users: UsersView,
  me: MyDataView,
};

export function App() {
  const route = useRoute();
  const why = useStore(signedOut);
  const {
    data: me,
    failure,
    retrySeconds,
  } = useLive('me', (signal) => get<Me>('me', new URLSearchParams(), signal), {
    isLive: false,
  });
  useEffect(() => me && learn({ users: [{ user: me.user, ...(me.name && { userName: me.name }) }] }), [me]);

  const main = useRef<HTMLElement>(null);
  // A session is a page of its own; filters are not.
  const page = why ?? (route.view === 'session' ? `session ${route.id}` : route.view);
  const shown = useRef(page);
  useEffect(() => {
    document.title = `${why ? dashboardText.signedOut[why].heading : dashboardText.views[route.view]} · ${dashboardText.product}`;
    if (shown.current === page) return;
    shown.current = page;
    announce('');
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [page, why, route.view]);

  const Shown = views[route.view];
  return (
    <>
      <a class="skip" href="#main">
        {dashboardText.skip}
      </a>
      <Header route={route} me={me} isSignedOut={why !== undefined} />
      <main id="main" ref={main} tabIndex={-1}>
        {why ? (
          <SignedOutView why={why === 'ended' && !me ? 'first' : why} />
        ) : (
          <>
            <Status />
            <ErrorMessage failure={failure} retrySeconds={retrySeconds} />
            <Shown key={page} route={route} me={me} />
          </>
        )}
      </main>
    </>
  );
}
