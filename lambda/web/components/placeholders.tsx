import type { ComponentChildren } from 'preact';
import type { Failure } from '../api-client.ts';
import { dashboardText } from '../dashboard-text.ts';

/** Room for what is on its way, of about its size, so that nothing jumps. */
export const Skeleton = ({ kind, count = 1 }: { kind: 'tile' | 'chart' | 'row'; count?: number }) => (
  <div class={`skeletons ${kind}s`} aria-busy="true">
    <span class="unseen">{dashboardText.loading}</span>
    {Array.from({ length: count }, (_, index) => (
      <div key={index} class={`skeleton ${kind}`} />
    ))}
  </div>
);

export const Empty = ({ heading, children }: { heading: string; children?: ComponentChildren }) => (
  <div class="empty">
    <p class="lead">{heading}</p>
    {children && <p>{children}</p>}
  </div>
);

/** What was shown before stays below it. */
export function ErrorMessage({
  failure,
  retrySeconds,
}: {
  failure: Failure | undefined;
  retrySeconds?: number | undefined;
}) {
  // Who is signed out is told so by a card of its own.
  if (!failure || failure.status === 401) return null;
  return (
    <p class="warning" role="alert">
      {wordsFor(failure, retrySeconds)}
    </p>
  );
}

function wordsFor({ status }: Failure, retrySeconds: number | undefined): string {
  const { trouble } = dashboardText;
  if (retrySeconds !== undefined) return trouble.outage(retrySeconds);
  if (status === 400 || status === 403 || status === 404) return trouble[status];
  return trouble.other;
}
