/**
 * One cookie a step binds the step to the browser that started it. Its name holds the step's own id, so that sign-ins
 * in several tabs do not disturb one another.
 *
 * `__Host-` (RFC 6265bis §4.1.3.2) keeps other hosts of the domain from setting it. It needs https, so the cloud on the
 * desk, which is reached by plain http, does without the prefix.
 */
export function browserCookie(step: 'consent' | 'sign-in', stepHash: string, publicUrl: string) {
  const secure = publicUrl.startsWith('https:');
  const name = `${secure ? '__Host-' : ''}${step}-${stepHash.slice(0, 16)}`;
  const attributes = attributesAt(publicUrl);
  return {
    set: (value: string, maxAgeSeconds: number) => `${name}=${value}; ${attributes}; Max-Age=${maxAgeSeconds}`,
    clear: () => `${name}=; ${attributes}; Max-Age=0`,
    /** The value that this browser sent, unless it sent several: then somebody has planted one. */
    read: (request: Request): string | undefined => {
      const values = (request.headers.get('cookie') ?? '')
        .split(/; */)
        .filter((pair) => pair.startsWith(`${name}=`))
        .map((pair) => pair.slice(name.length + 1));
      return values.length === 1 ? values[0] : undefined;
    },
  };
}

const attributesAt = (publicUrl: string) =>
  `Path=/; HttpOnly; SameSite=Lax${publicUrl.startsWith('https:') ? '; Secure' : ''}`;

/** Steps that may wait in one browser: their cookies stay far below the 10,240 bytes of headers API Gateway takes. */
const MOST_WAITING = 20;

/**
 * The cookies to set before another step begins, so that those of abandoned tabs, or of a page that opens many, never
 * fill the browser's requests up: the oldest go, which browsers send first (RFC 6265 §5.4).
 */
export function clearOldest(request: Request, publicUrl: string): string[] {
  const sent = request.headers.get('cookie') ?? '';
  const names = Array.from(
    sent.matchAll(/(?<=^|; *)(?:__Host-)?(?:consent|sign-in)-[\w-]{16}(?==)/g),
    ([name]) => name,
  );
  const tooMany = names.slice(0, Math.max(0, names.length - MOST_WAITING + 1));
  return tooMany.map((name) => `${name}=; ${attributesAt(publicUrl)}; Max-Age=0`);
}
