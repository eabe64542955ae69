import type { BarBreakdown } from '../core/dashboard/dashboard-api.ts';
import { OTHERS } from '../core/dashboard/dashboard-api.ts';
import { createStore } from './page-store.ts';

/** Reads the colours of the stylesheet, which defines both themes, for use in a canvas. */

const SERIES_COUNT = 8;

/** @returns the name of a custom property in the stylesheet, and of the class of a legend swatch */
export function colourOf(by: BarBreakdown, group: string, index: number): string {
  if (group === OTHERS) return 'others';
  return by === 'outcome' ? group : `series-${(index % SERIES_COUNT) + 1}`;
}

export const readColour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const dark = matchMedia('(prefers-color-scheme: dark)');
export const isDark = createStore(dark.matches);
dark.addEventListener('change', ({ matches }) => isDark.set(matches));
