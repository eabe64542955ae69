import { dashboardText } from '../dashboard-text.ts';
import { createStore, useStore } from '../page-store.ts';

const said = createStore('');

/** Says what came of an action, to eyes and to screen readers. */
export const announce = (words: string): void => said.set(words);

export function Status() {
  const words = useStore(said);
  return (
    <div class="status" role="status">
      {words && (
        <p>
          {words}{' '}
          <button type="button" class="small" onClick={() => said.set('')}>
            {dashboardText.status.dismiss}
          </button>
        </p>
      )}
    </div>
  );
}
