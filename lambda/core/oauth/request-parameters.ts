import { OAuthError } from './oauth-error.ts';

const LARGEST_FORM = 16 * 1024;

/** Request parameters of which none may be sent twice (RFC 6749 §3.1). */
export class Parameters {
  readonly #all: URLSearchParams;

  constructor(all: URLSearchParams) {
    this.#all = all;
  }

  /** @throws OAuthError when the parameter was sent more than once or holds a NUL; empty counts as absent */
  get(name: string): string | undefined {
    const values = this.#all.getAll(name);
    if (values.length > 1) throw new OAuthError('invalid_request', `${name} was sent ${values.length} times`);
    const [value] = values;
    if (value?.includes('\0')) throw new OAuthError('invalid_request', `${name} holds a NUL character`);
    return value || undefined;
  }

  /** @throws OAuthError when the parameter is absent */
  require(name: string): string {
    const value = this.get(name);
    if (value === undefined) throw new OAuthError('invalid_request', `${name} is missing`);
    return value;
  }
}

/** The parameters of a form body. @throws OAuthError when it is not a form, too large, or not UTF-8 */
export async function formParameters(request: Request): Promise<Parameters> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') {
    throw new OAuthError('invalid_request', 'Content-Type must be application/x-www-form-urlencoded');
  }
  return new Parameters(new URLSearchParams(await boundedText(request, LARGEST_FORM, 'invalid_request')));
}

/** The body as text. @throws OAuthError when it is larger than the limit, in bytes, or not UTF-8 */
export async function boundedText(
  request: Request,
  limit: number,
  code: 'invalid_request' | 'invalid_client_metadata',
): Promise<string> {
  const body = new Uint8Array(await request.arrayBuffer());
  if (body.byteLength > limit) {
    throw new OAuthError(code, `the body has ${body.byteLength} bytes; at most ${limit} are read`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new OAuthError(code, 'the body is not UTF-8');
  }
}
