import { dashboardText } from '../dashboard-text.ts';
import { createStore, useStore } from '../page-store.ts';

const statusMessage = createStore('');

/** Shows the result of an action, and announces it to screen readers. */
export const announce = (message: string): void => statusMessage.set(message);

export function StatusLine() {
  const message = useStore(statusMessage);
  return (
    <div class="status" role="status">
      {message && (
        <p>
          {message}{' '}
          <button type="button" class="small" onClick={() => announce('')}>
            {dashboardText.status.dismiss}
          </button>
        </p>
      )}
    </div>
  );
}
