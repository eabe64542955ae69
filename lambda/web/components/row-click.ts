import type { TargetedMouseEvent } from 'preact';

/**
 * The click handler of a row, for its action by any cell. A link or button in it keeps its own action, and a selection of
 * text is no click. For the keyboard the row has a link or button of the same action.
 */
export const onRowClick =
  (action: () => void) =>
  ({ target }: TargetedMouseEvent<HTMLElement>): void => {
    if (target instanceof Element && target.closest('a, button, input')) return;
    if (getSelection()?.toString()) return;
    action();
  };
