import type { ComponentChildren } from 'preact';
import { hrefOf, navigate, type RouteTarget } from '../page-router.ts';

type Props = {
  to: RouteTarget;
  children: ComponentChildren;
  /** Whether to replace the current history entry. */
  replace?: boolean;
  class?: string;
  title?: string;
  'aria-label'?: string;
  'aria-current'?: 'page' | 'true';
};

/** A link that can be copied and opened in a new tab. A click without modifiers navigates within the page. */
export function Link({ to, replace = false, children, ...attributes }: Props) {
  return (
    <a
      {...attributes}
      href={hrefOf(to)}
      onClick={(event) => {
        if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        navigate(to, { replace });
      }}
    >
      {children}
    </a>
  );
}
