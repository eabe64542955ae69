import { useEffect, useState } from 'preact/hooks';
import { dashboardText } from '../dashboard-text.ts';

const CONFIRMATION_MS = 2000;

/** @param label completes the accessible name, which has no visual context */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), CONFIRMATION_MS);
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
      <span class="visually-hidden"> {dashboardText.copy.label(label)}</span>
    </button>
  );
}

/** A complete id with a button to copy it. */
export const CopyableId = ({ id, label }: { id: string; label: string }) => (
  <span class="copyable-id">
    <code>{id}</code> <CopyButton text={id} label={label} />
  </span>
);
