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
  const attributes = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
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
