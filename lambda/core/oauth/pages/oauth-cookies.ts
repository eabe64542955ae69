import { type Cookie, hostCookie } from '../../support/cookie.ts';

/**
 * The cookie that binds a step of the flow to the browser that started it. Its name contains the id of the step, so that
 * sign-ins in several tabs do not interfere.
 */
export const browserCookie = (step: 'consent' | 'sign-in', stepHash: string, publicUrl: string): Cookie =>
  hostCookie(`${step}-${stepHash.slice(0, 16)}`, publicUrl, 'Lax');

/** Open steps per browser. Their cookies stay far below the 10,240 bytes of headers that API Gateway accepts. */
const MOST_OPEN = 20;

/**
 * The `Set-Cookie` values that clear the oldest steps before another begins, so that abandoned tabs, or a page that opens
 * many, do not exceed the header limit. Browsers send the oldest cookies first (RFC 6265 §5.4).
 */
export function clearOldest(request: Request, publicUrl: string): string[] {
  const sent = request.headers.get('cookie') ?? '';
  const names = Array.from(
    sent.matchAll(/(?<=^|; *)(?:__Host-)?((?:consent|sign-in)-[\w-]{16})(?==)/g),
    ([, name]) => name!,
  );
  const excess = names.slice(0, Math.max(0, names.length - MOST_OPEN + 1));
  return excess.map((name) => hostCookie(name, publicUrl, 'Lax').clear());
}
