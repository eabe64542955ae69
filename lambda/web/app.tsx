import type { FunctionComponent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { signOutReason } from './api-client.ts';
import { PageHeader } from './components/page-header.tsx';
import { ErrorMessage } from './components/placeholders.tsx';
import { announce, StatusLine } from './components/status-line.tsx';
import { dashboardText } from './dashboard-text.ts';
import { useLiveQuery } from './live-query.ts';
import { useRoute, type View } from './page-router.ts';
import { useStore } from './page-store.ts';
import { serverName } from './server-branding.ts';
import { expectSignIn, expectsSignIn, loadMe } from './sign-in-state.ts';
import { addSuggestions } from './suggestions.ts';
import { CallsView } from './views/calls-view.tsx';
import { ConnectedAppsView } from './views/connected-apps-view.tsx';
import { ErrorsView } from './views/errors-view.tsx';
import { MyDataView } from './views/my-data-view.tsx';
import { OverviewView } from './views/overview-view.tsx';
import { SessionView } from './views/session-view.tsx';
import { SessionsView } from './views/sessions-view.tsx';
import { SignedOutView } from './views/signed-out-view.tsx';
import { TokensView } from './views/tokens-view.tsx';
import { UsersView } from './views/users-view.tsx';
import type { ViewProps } from './views/view-props.ts';

const views: Record<View, FunctionComponent<ViewProps>> = {
  overview: OverviewView,
  calls: CallsView,
  errors: ErrorsView,
  sessions: SessionsView,
  session: SessionView,
  grants: ConnectedAppsView,
  tokens: TokensView,
  users: UsersView,
  me: MyDataView,
};

export function App() {
  const route = useRoute();
  const signedOut = useStore(signOutReason);
  const { data: me, error, retrySeconds } = useLiveQuery('me', loadMe, { isLive: false });
  const isExpected = useRef(expectsSignIn()).current;
  useEffect(() => me && expectSignIn(me), [me]);
  useEffect(() => me && addSuggestions({ users: [{ user: me.user, ...(me.name && { userName: me.name }) }] }), [me]);

  const main = useRef<HTMLElement>(null);
  // Each session is a separate page; a change of filters stays on the page.
  const page = signedOut ?? (route.view === 'session' ? `session ${route.id}` : route.view);
  const shownPage = useRef(page);
  useEffect(() => {
    document.title = `${signedOut ? dashboardText.signedOut[signedOut].heading : dashboardText.views[route.view]} · ${serverName}`;
    if (shownPage.current === page) return;
    shownPage.current = page;
    announce('');
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [page, signedOut, route.view]);

  const CurrentView = views[route.view];
  return (
    <>
      <a class="skip-link" href="#main">
        {dashboardText.skip}
      </a>
      <PageHeader route={route} me={me} isSignedOut={signedOut !== undefined} />
      <main id="main" ref={main} tabIndex={-1}>
        {signedOut ? (
          <SignedOutView reason={signedOut === 'ended' && !me ? 'first' : signedOut} />
        ) : (
          <>
            <StatusLine />
            <ErrorMessage error={error} retrySeconds={retrySeconds} />
            {(me || isExpected) && <CurrentView key={page} route={route} me={me} />}
          </>
        )}
      </main>
    </>
  );
}
