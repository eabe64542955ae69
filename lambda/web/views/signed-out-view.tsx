import type { SignOutReason } from '../api-client.ts';
import { dashboardText } from '../dashboard-text.ts';

/** @param reason `first` before the first sign-in */
export function SignedOutView({ reason }: { reason: SignOutReason | 'first' }) {
  const { heading, text, button } = dashboardText.signedOut[reason];
  return (
    <section class="card">
      <h1>{heading}</h1>
      <p class="muted">{text}</p>
      <a
        class="button primary"
        href={`/dashboard/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`}
      >
        {button}
      </a>
    </section>
  );
}
