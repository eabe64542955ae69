export type Cookie = {
  set(value: string, maxAgeSeconds: number): string;
  clear(): string;
  /** The value in the request; undefined for several values, one of which another site may have set. */
  read(request: Request): string | undefined;
};

/**
 * A cookie for this host only, not readable by scripts.
 *
 * With `__Host-` (RFC 6265bis §4.1.3.2) other hosts of the domain cannot set it. The prefix requires https, so the local
 * emulator omits it on plain http.
 *
 * @param sameSite `Lax`: also sent with a top-level navigation from another site; `Strict`: never from another site
 */
export function hostCookie(name: string, publicUrl: string, sameSite: 'Lax' | 'Strict'): Cookie {
  const secure = publicUrl.startsWith('https:');
  const fullName = `${secure ? '__Host-' : ''}${name}`;
  const attributes = `Path=/; HttpOnly; SameSite=${sameSite}${secure ? '; Secure' : ''}`;
  return {
    set: (value, maxAgeSeconds) => `${fullName}=${value}; ${attributes}; Max-Age=${maxAgeSeconds}`,
    clear: () => `${fullName}=; ${attributes}; Max-Age=0`,
    read(request) {
      const values = (request.headers.get('cookie') ?? '')
        .split(/; */)
        .filter((pair) => pair.startsWith(`${fullName}=`))
        .map((pair) => pair.slice(fullName.length + 1));
      return values.length === 1 ? values[0] : undefined;
    },
  };
}
