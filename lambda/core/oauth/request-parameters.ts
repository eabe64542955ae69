import { oauthError } from './oauth-error.ts';

const LARGEST_FORM = 16 * 1024;

/** Request parameters, each of which occurs at most once (RFC 6749 §3.1) unless its specification says otherwise. */
export class Parameters {
  readonly #all: URLSearchParams;

  constructor(all: URLSearchParams) {
    this.#all = all;
  }

  /** An empty value counts as absent. @throws OAuthError when the parameter occurs more than once or contains a NUL */
  get(name: string): string | undefined {
    const { length } = this.#all.getAll(name);
    if (length > 1) throw oauthError('parameter_repeated', name, length);
    return this.list(name)[0];
  }

  /** The values of a parameter that may occur several times, without empty ones. @throws OAuthError for a NUL */
  list(name: string): string[] {
    const values = this.#all.getAll(name).filter((value) => value !== '');
    if (values.some((value) => value.includes('\0'))) throw oauthError('parameter_has_nul', name);
    return values;
  }

  /** @throws OAuthError when the parameter is absent */
  require(name: string): string {
    const value = this.get(name);
    if (value === undefined) throw oauthError('parameter_missing', name);
    return value;
  }
}

/**
 * The parameters of a form body.
 *
 * @param query `without-query` rejects a request with a query, which logs would keep (RFC 6749 §2.3.1)
 * @throws OAuthError when the body is not a form, too large, or not UTF-8
 */
export async function formParameters(request: Request, query?: 'without-query'): Promise<Parameters> {
  if (query && new URL(request.url).search !== '') throw oauthError('query_unexpected');
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') throw oauthError('form_expected');
  return new Parameters(new URLSearchParams(await boundedText(request, LARGEST_FORM, 'form')));
}

/**
 * The body as text.
 *
 * @param limit in bytes
 * @throws OAuthError when the body exceeds the limit or is not UTF-8
 */
export async function boundedText(request: Request, limit: number, kind: 'form' | 'registration'): Promise<string> {
  const body = new Uint8Array(await request.arrayBuffer());
  if (body.byteLength > limit) throw oauthError(`${kind}_too_large`, body.byteLength, limit);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw oauthError(`${kind}_not_utf8`);
  }
}
