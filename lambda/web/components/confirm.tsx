import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Failure } from '../api-client.ts';
import { dashboardText } from '../dashboard-text.ts';

type Props = {
  question: string;
  consequence: string;
  /** What the button that does it says. */
  action: string;
  /** Whether more is needed before it may be done. */
  isReady?: boolean;
  /** Below the consequence. */
  children?: ComponentChildren;
  /** Shown in place of the general words when the server does not answer midway. */
  failed?: string;
  act(): Promise<void>;
  close(): void;
};

/** Asks before anything ends. Whoever presses Escape or Enter without looking has changed nothing. */
export function Confirm({ question, consequence, action, isReady = true, children, failed, act, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const [isWorking, setWorking] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const isDone = useRef(false);
  const name = useId();
  const description = useId();

  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    cancel.current?.focus();
    return () => {
      // What opened it goes with what has ended.
      const back = !isDone.current && opener instanceof HTMLElement ? opener : document.querySelector('main');
      back?.focus({ preventScroll: true });
    };
  }, []);

  const submit = async () => {
    setWorking(true);
    setFailure(undefined);
    try {
      await act();
      isDone.current = true;
      close();
    } catch (error) {
      setFailure(error instanceof Failure ? error : new Failure(500, String(error)));
      setWorking(false);
    }
  };

  return (
    <dialog
      ref={dialog}
      aria-labelledby={name}
      aria-describedby={description}
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
        <h2 id={name}>{question}</h2>
        <p id={description}>{consequence}</p>
        {children}
        {failure && (
          <p class="warning" role="alert">
            {failure.isOutage ? (failed ?? dashboardText.dialog.failed) : dashboardText.dialog.refused}
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
