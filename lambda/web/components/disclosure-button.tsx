type Props = {
  isExpanded: boolean;
  /** The id of the element that it expands. */
  controls: string;
  label: string;
  /** The id of the call, by which the table finds the button. */
  call?: string;
  toggle(): void;
};

export const DisclosureButton = ({ isExpanded, controls, label, call, toggle }: Props) => (
  <button
    type="button"
    class="icon"
    data-call={call}
    aria-expanded={isExpanded}
    aria-controls={isExpanded ? controls : undefined}
    aria-label={label}
    onClick={toggle}
  >
    <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" focusable="false">
      <path d="M4 2l4 4-4 4" />
    </svg>
  </button>
);
