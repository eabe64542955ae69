import type { ComponentChildren } from 'preact';
import { go, hrefOf, type RouteTarget } from '../page-router.ts';

type Props = {
  to: RouteTarget;
  children: ComponentChildren;
  /** Takes the place of the page before in the history. */
  replace?: boolean;
  class?: string;
  title?: string;
  'aria-label'?: string;
  'aria-current'?: 'page' | 'true';
};

/** A real link, so that it can be copied and opened in a new tab; a plain click stays on the page. */
export function Link({ to, replace = false, children, ...attributes }: Props) {
  return (
    <a
      {...attributes}
      href={hrefOf(to)}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        go(to, { replace });
      }}
    >
      {children}
    </a>
  );
}
