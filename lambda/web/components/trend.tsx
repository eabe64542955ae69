/** A small bar chart without axes. Its numbers are in the row. */
export function Trend({ bars }: { bars: number[] }) {
  const most = Math.max(1, ...bars);
  return (
    <svg
      class="trend"
      viewBox={`0 0 ${bars.length * 4} 24`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      {bars.map((calls, index) => {
        // A single call stays visible beside many.
        const height = calls === 0 ? 1 : Math.max(3, (calls / most) * 24);
        return (
          <rect
            key={index}
            class={calls === 0 ? 'none' : undefined}
            x={index * 4}
            y={24 - height}
            width="3"
            height={height}
          />
        );
      })}
    </svg>
  );
}
