import { type Cookie, hostCookie } from '../../support/cookie.ts';

/** A step of the flow that one browser has open: a consent page, or a sign-in at the provider for a client or the dashboard. */
export type BrowserStep = 'consent' | 'sign-in' | 'dashboard-sign-in';

/**
 * The cookie that binds a step of the flow to the browser that started it. Its name contains the id of the step, so that
 * sign-ins in several tabs do not interfere.
 */
export const browserCookie = (step: BrowserStep, stepHash: string, publicUrl: string): Cookie =>
  hostCookie(`${step}-${stepHash.slice(0, 16)}`, publicUrl, 'Lax');

/** Open steps of a kind per browser. The cookies of all kinds stay below half of the 10,240 bytes that API Gateway accepts. */
const MOST_OPEN = 20;

/**
 * The `Set-Cookie` values that clear the oldest steps of a kind before another begins, so that abandoned tabs, or a page
 * that opens many, do not exceed the header limit. Steps of another kind stay: a sign-in that waits at the provider does not
 * end because consent pages are opened. Browsers send the oldest cookies first (RFC 6265 §5.4).
 */
export function clearOldest(request: Request, step: BrowserStep, publicUrl: string): string[] {
  const sent = request.headers.get('cookie') ?? '';
  const open = new RegExp(`(?<=^|; *)(?:__Host-)?(${step}-[\\w-]{16})(?==)`, 'g');
  const names = Array.from(sent.matchAll(open), ([, name]) => name!);
  const excess = names.slice(0, Math.max(0, names.length - MOST_OPEN + 1));
  return excess.map((name) => hostCookie(name, publicUrl, 'Lax').clear());
}
