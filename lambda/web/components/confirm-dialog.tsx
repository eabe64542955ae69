import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { ApiRequestError } from '../api-client.ts';
import { dashboardText } from '../dashboard-text.ts';

type Props = {
  question: string;
  consequence: string;
  /** The label of the confirming button. */
  action: string;
  /** Whether the action can be confirmed. */
  isReady?: boolean;
  /** Content below the consequence. */
  children?: ComponentChildren;
  /** The message for an unavailable server, if the action is partly done. */
  failureText?: string;
  run(): Promise<void>;
  close(): void;
};

/** Asks for confirmation of a destructive action. Escape and Enter cancel, because the focus is on the cancel button. */
export function ConfirmDialog({
  question,
  consequence,
  action,
  isReady = true,
  children,
  failureText,
  run,
  close,
}: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const [isWorking, setWorking] = useState(false);
  const [error, setError] = useState<ApiRequestError>();
  const isDone = useRef(false);
  const questionId = useId();
  const consequenceId = useId();

  useModal(dialog, cancel, isDone);

  const submit = async () => {
    setWorking(true);
    setError(undefined);
    try {
      await run();
      isDone.current = true;
      close();
    } catch (cause) {
      setError(cause instanceof ApiRequestError ? cause : new ApiRequestError(500, String(cause)));
      setWorking(false);
    }
  };

  return (
    <dialog
      ref={dialog}
      aria-labelledby={questionId}
      aria-describedby={consequenceId}
      onCancel={(event) => {
        event.preventDefault();
        if (!isWorking) close();
      }}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isReady && !isWorking) submit();
        }}
      >
        <h2 id={questionId}>{question}</h2>
        <p id={consequenceId}>{consequence}</p>
        {children}
        {error && (
          <p class="warning" role="alert">
            {error.isRetryable ? (failureText ?? dashboardText.dialog.failed) : dashboardText.dialog.rejected}
          </p>
        )}
        <div class="buttons">
          <button ref={cancel} type="button" disabled={isWorking} onClick={close}>
            {dashboardText.dialog.cancel}
          </button>
          <button type="submit" class="danger" disabled={!isReady || isWorking} aria-busy={isWorking}>
            {isWorking ? dashboardText.dialog.working : action}
          </button>
        </div>
      </form>
    </dialog>
  );
}

type Ref<T> = { readonly current: T };

/** Opens the dialog with the focus on the cancel button. Restores the focus when the dialog is removed. */
function useModal(dialog: Ref<HTMLDialogElement | null>, cancel: Ref<HTMLElement | null>, isDone: Ref<boolean>): void {
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    cancel.current?.focus();
    return () => {
      // The button that opened the dialog disappears with the revoked item.
      const target = !isDone.current && opener instanceof HTMLElement ? opener : document.querySelector('main');
      target?.focus({ preventScroll: true });
    };
  }, []);
}
