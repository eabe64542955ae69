import type { ComponentChildren } from 'preact';
import type { CallOutcome } from '../../core/audit/tool-call.ts';
import { dashboardText } from '../dashboard-text.ts';

/** A shape for each outcome, so that outcomes are distinguishable without colour (WCAG 2.2, 1.4.1). */
const shapes: Record<CallOutcome, string> = {
  success: 'M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9Z',
  'tool-error': 'M6 1.2 11 10.5H1Z',
  'error-result': 'M6 10.8 1 1.5h10Z',
  'unknown-tool': 'M6 .8 11 4.5 9.1 10.4H2.9L1 4.5Z',
  'invalid-arguments': 'M3.4 1.2h5.2L11.2 6 8.6 10.8H3.4L.8 6Z',
  'protocol-error': 'M1.8 1.8h8.4v8.4H1.8Z',
  cancelled: 'M.8 4.4h10.4v3.2H.8Z',
  refused: 'M6 .6 11.4 6 6 11.4.6 6Z',
  'timed-out': 'M1.5 1.2h9L7.2 6l3.3 4.8h-9L4.8 6Z',
  interrupted: 'M1.2 1.2h3.4v9.6H1.2ZM7.4 1.2h3.4v9.6H7.4Z',
  unavailable: 'M4.4 1h3.2v3.4H11v3.2H7.6V11H4.4V7.6H1V4.4h3.4Z',
};

export const OutcomeIcon = ({ outcome }: { outcome: CallOutcome }) => (
  <svg
    class={`outcome-icon ${outcome}`}
    viewBox="0 0 12 12"
    width="12"
    height="12"
    aria-hidden="true"
    focusable="false"
  >
    <path d={shapes[outcome]} />
  </svg>
);

/** @param children in place of the name of the outcome */
export const OutcomeBadge = ({ outcome, children }: { outcome: CallOutcome; children?: ComponentChildren }) => (
  <span class="badge">
    <OutcomeIcon outcome={outcome} /> <span>{children ?? dashboardText.outcomes[outcome]}</span>
  </span>
);
