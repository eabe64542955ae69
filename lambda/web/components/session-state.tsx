import type { ComponentChildren } from 'preact';

/** Whether something goes on, and how it ended if not. */
export const SessionState = ({ isActive, children }: { isActive: boolean; children: ComponentChildren }) => (
  <span class={isActive ? 'badge state active' : 'badge state'}>{children}</span>
);
