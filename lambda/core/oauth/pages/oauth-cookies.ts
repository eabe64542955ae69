import { type Cookie, hostCookie } from '../../support/cookie.ts';

/**
 * One cookie a step binds the step to the browser that started it. Its name holds the step's own id, so that sign-ins
 * in several tabs do not disturb one another.
 */
export const browserCookie = (step: 'consent' | 'sign-in', stepHash: string, publicUrl: string): Cookie =>
  hostCookie(`${step}-${stepHash.slice(0, 16)}`, publicUrl, 'Lax');

/** Steps that may wait in one browser: their cookies stay far below the 10,240 bytes of headers API Gateway takes. */
const MOST_WAITING = 20;

/**
 * The cookies to set before another step begins, so that those of abandoned tabs, or of a page that opens many, never
 * fill the browser's requests up: the oldest go, which browsers send first (RFC 6265 §5.4).
 */
export function clearOldest(request: Request, publicUrl: string): string[] {
  const sent = request.headers.get('cookie') ?? '';
  const names = Array.from(
    sent.matchAll(/(?<=^|; *)(?:__Host-)?((?:consent|sign-in)-[\w-]{16})(?==)/g),
    ([, name]) => name!,
  );
  const tooMany = names.slice(0, Math.max(0, names.length - MOST_WAITING + 1));
  return tooMany.map((name) => hostCookie(name, publicUrl, 'Lax').clear());
}
