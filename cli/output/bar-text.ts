const heights = '▁▂▃▄▅▆▇█';

/**
 * Numbers over time as a line of small bars. Neighbours are put together where there are more than fit; a bar is as high as
 * the highest only if it is, and a number above 0 is never shown as none.
 */
export function sparkline(numbers: readonly number[], most = 60): string {
  const each = Math.max(1, Math.ceil(numbers.length / most));
  const sums = Array.from({ length: Math.ceil(numbers.length / each) }, (_, index) =>
    numbers.slice(index * each, (index + 1) * each).reduce((sum, number) => sum + number, 0),
  );
  const highest = Math.max(...sums, 0);
  return sums.map((sum) => (sum === 0 ? ' ' : heights[Math.ceil((sum / highest) * heights.length) - 1])).join('');
}

/** A share of the whole as a bar of so many characters. */
export const bar = (part: number, whole: number, width = 20): string =>
  whole === 0 ? '' : '█'.repeat(part === 0 ? 0 : Math.max(1, Math.round((part / whole) * width)));
