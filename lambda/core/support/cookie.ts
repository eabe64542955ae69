export type Cookie = {
  set(value: string, maxAgeSeconds: number): string;
  clear(): string;
  /** The value that this browser sent, unless it sent several: then somebody has planted one. */
  read(request: Request): string | undefined;
};

/**
 * A cookie of this host alone, which no script reads.
 *
 * `__Host-` (RFC 6265bis §4.1.3.2) keeps other hosts of the domain from setting it. It needs https, so the cloud on the
 * desk, which is reached by plain http, does without the prefix.
 *
 * @param sameSite `Lax`: also sent when a link or a redirect of another site leads here; `Strict`: not even then
 */
export function hostCookie(name: string, publicUrl: string, sameSite: 'Lax' | 'Strict'): Cookie {
  const secure = publicUrl.startsWith('https:');
  const full = `${secure ? '__Host-' : ''}${name}`;
  const attributes = `Path=/; HttpOnly; SameSite=${sameSite}${secure ? '; Secure' : ''}`;
  return {
    set: (value, maxAgeSeconds) => `${full}=${value}; ${attributes}; Max-Age=${maxAgeSeconds}`,
    clear: () => `${full}=; ${attributes}; Max-Age=0`,
    read(request) {
      const values = (request.headers.get('cookie') ?? '')
        .split(/; */)
        .filter((pair) => pair.startsWith(`${full}=`))
        .map((pair) => pair.slice(full.length + 1));
      return values.length === 1 ? values[0] : undefined;
    },
  };
}
