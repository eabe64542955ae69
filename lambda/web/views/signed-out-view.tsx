import type { SignedOut } from '../api-client.ts';
import { dashboardText } from '../dashboard-text.ts';

/** @param why `first` when nothing was ever shown */
export function SignedOutView({ why }: { why: SignedOut | 'first' }) {
  const { heading, text, button } = dashboardText.signedOut[why];
  return (
    <section class="card">
      <h1>{heading}</h1>
      <p class="quiet">{text}</p>
      <a
        class="button primary"
        href={`/dashboard/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`}
      >
        {button}
      </a>
    </section>
  );
}
