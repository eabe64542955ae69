import type { FunctionComponent } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Me } from '../core/dashboard/api.ts';
import { get, signedOut } from './api.ts';
import { Header } from './header.tsx';
import { learn } from './known.ts';
import { useLive } from './live.ts';
import { Trouble } from './parts/states.tsx';
import { announce, Status } from './parts/status.tsx';
import { useRoute, type View } from './router.ts';
import { useStore } from './store.ts';
import { texts } from './texts.ts';
import { Calls } from './views/calls.tsx';
import { Grants } from './views/grants.tsx';
import { MyData } from './views/me.tsx';
import { Overview } from './views/overview.tsx';
import { Session } from './views/session.tsx';
import { Sessions } from './views/sessions.tsx';
import { SignedOutCard } from './views/signed-out.tsx';
import { Users } from './views/users.tsx';
import type { ViewProps } from './views/view.ts';

const views: Record<View, FunctionComponent<ViewProps>> = {
  overview: Overview,
  calls: Calls,
  sessions: Sessions,
  session: Session,
  grants: Grants,
  users: Users,
  me: MyData,
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
    document.title = `${why ? texts.signedOut[why].heading : texts.views[route.view]} · ${texts.product}`;
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
        {texts.skip}
      </a>
      <Header route={route} me={me} isSignedOut={why !== undefined} />
      <main id="main" ref={main} tabIndex={-1}>
        {why ? (
          <SignedOutCard why={why === 'ended' && !me ? 'first' : why} />
        ) : (
          <>
            <Status />
            <Trouble failure={failure} retrySeconds={retrySeconds} />
            <Shown key={page} route={route} me={me} />
          </>
        )}
      </main>
    </>
  );
}
