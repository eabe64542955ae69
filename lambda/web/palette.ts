import type { Breakdown } from '../core/dashboard/dashboard-api.ts';
import { OTHERS } from '../core/dashboard/dashboard-api.ts';
import { createStore } from './page-store.ts';

/** Colours are the stylesheet's, so that both themes are in one place; what a canvas needs of them is read here. */

const SERIES = 8;

/** Names a custom property of the stylesheet, and a class of the legend's swatches. */
export function colourOf(by: Breakdown, group: string, index: number): string {
  if (group === OTHERS) return 'others';
  return by === 'outcome' ? group : `series-${(index % SERIES) + 1}`;
}

export const readColour = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const dark = matchMedia('(prefers-color-scheme: dark)');
export const isDark = createStore(dark.matches);
dark.addEventListener('change', ({ matches }) => isDark.set(matches));
