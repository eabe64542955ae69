import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';

export type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined };

/** The function's own, as Lambda provides them. @throws Error if the environment has none */
export function credentialsIn(environment: Record<string, string | undefined>): Credentials {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) throw new Error('The environment has no AWS credentials');
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN || undefined,
  };
}

/** The SDK's adapter of Node's hashes takes longer to load than the rest of the signature. */
class Sha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    // The signer passes text or bytes.
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as string | Uint8Array);
  }
  update(data: Uint8Array) {
    this.#hash.update(data);
  }
  async digest() {
    return this.#hash.digest();
  }
  reset() {
    throw new Error('The hash cannot be reset');
  }
}

/**
 * Signs requests as the SDK's clients do (AWS Signature Version 4).
 *
 * @returns a function from headers (names in lower case, `host` included) to these and the headers of the signature
 */
export function requestSigner(service: string, endpoint: URL, region: string, { sessionToken, ...keys }: Credentials) {
  const signer = new SignatureV4({
    service,
    region,
    credentials: { ...keys, ...(sessionToken !== undefined && { sessionToken }) },
    sha256: Sha256,
  });
  const request = {
    protocol: endpoint.protocol,
    hostname: endpoint.hostname,
    path: endpoint.pathname,
    query: Object.fromEntries(endpoint.searchParams),
  };
  return async (
    headers: Record<string, string>,
    body: Uint8Array | string,
    method = 'POST',
  ): Promise<Record<string, string>> => (await signer.sign({ ...request, method, headers, body })).headers;
}
