import { useEffect, useState } from 'preact/hooks';
import { dashboardText } from '../dashboard-text.ts';

/** @param what completes the button's name for those who do not see what it stands beside */
export function Copy({ text, what }: { text: string; what: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), 2000);
    return () => clearTimeout(timer);
  }, [isCopied]);
  return (
    <button
      type="button"
      class="small"
      onClick={() =>
        navigator.clipboard?.writeText(text).then(
          () => setCopied(true),
          () => {},
        )
      }
    >
      <span aria-live="polite">{isCopied ? dashboardText.copy.copied : dashboardText.copy.copy}</span>
      <span class="unseen"> {dashboardText.copy.of(what)}</span>
    </button>
  );
}

/** An id in full, to be read and taken along. */
export const Id = ({ id, what }: { id: string; what: string }) => (
  <span class="id">
    <code>{id}</code> <Copy text={id} what={what} />
  </span>
);
