import type { ComponentChildren } from 'preact';
import type { ApiRequestError } from '../api-client.ts';
import { dashboardText } from '../dashboard-text.ts';

/** A placeholder of about the size of the content that loads, so that the layout does not shift. */
export const Skeleton = ({ kind, count = 1 }: { kind: 'tile' | 'chart' | 'row'; count?: number }) => (
  <div class={`skeletons ${kind}s`} aria-busy="true">
    <span class="visually-hidden">{dashboardText.loading}</span>
    {Array.from({ length: count }, (_, index) => (
      <div key={index} class={`skeleton ${kind}`} />
    ))}
  </div>
);

export const EmptyState = ({ heading, children }: { heading: string; children?: ComponentChildren }) => (
  <div class="empty-state">
    <p class="lead">{heading}</p>
    {children && <p>{children}</p>}
  </div>
);

type ErrorMessageProps = { error: ApiRequestError | undefined; retrySeconds?: number | undefined };

/** Shown above the last data that loaded. */
export function ErrorMessage({ error, retrySeconds }: ErrorMessageProps) {
  // The signed-out view replaces the page after a 401.
  if (!error || error.status === 401) return null;
  return (
    <p class="warning" role="alert">
      {messageOf(error, retrySeconds)}
    </p>
  );
}

function messageOf({ status }: ApiRequestError, retrySeconds: number | undefined): string {
  const { requestErrors } = dashboardText;
  if (retrySeconds !== undefined) return requestErrors.unavailable(retrySeconds);
  if (status === 400 || status === 403 || status === 404) return requestErrors[status];
  return requestErrors.other;
}
