import type { ComponentChildren } from 'preact';

/** The state of a session or a connected app. */
export const StateBadge = ({ isActive, children }: { isActive: boolean; children: ComponentChildren }) => (
  <span class={isActive ? 'badge state active' : 'badge state'}>{children}</span>
);
