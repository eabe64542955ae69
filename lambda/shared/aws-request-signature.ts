import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import {
  ALGORITHM_IDENTIFIER,
  AMZ_DATE_HEADER,
  createScope,
  getCanonicalHeaders,
  getPayloadHash,
  getSigningKey,
  SHA256_HEADER,
  SignatureV4Base,
  TOKEN_HEADER,
} from '@smithy/signature-v4';

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
  update(data: Uint8Array | string) {
    this.#hash.update(data);
  }
  async digest() {
    return this.#hash.digest();
  }
  reset() {
    throw new Error('The hash cannot be reset');
  }
}

type SignedRequest = Parameters<typeof getCanonicalHeaders>[0];

/**
 * The signature of requests, of the library's parts. The library's own class also signs event streams and URLs, which are
 * half of its bytes.
 */
class RequestSignature extends SignatureV4Base {
  constructor(service: string, region: string, credentials: Pick<Credentials, 'accessKeyId' | 'secretAccessKey'>) {
    super({ service, region, credentials, sha256: Sha256 });
  }

  /** @returns the headers of the request, and those of its signature */
  async sign(request: SignedRequest, sessionToken: string | undefined): Promise<Record<string, string>> {
    const [credentials, region] = await Promise.all([this.credentialProvider(), this.regionProvider()]);
    const { longDate, shortDate } = this.formatDate(new Date());
    const payloadHash = await getPayloadHash(request, this.sha256);
    const headers = {
      ...request.headers,
      [AMZ_DATE_HEADER]: longDate,
      ...(sessionToken !== undefined && { [TOKEN_HEADER]: sessionToken }),
      [SHA256_HEADER]: payloadHash,
    };
    const signed = getCanonicalHeaders({ ...request, headers });
    const scope = createScope(shortDate, region, this.service);
    const canonicalRequest = this.createCanonicalRequest(request, signed, payloadHash);
    const hash = new Sha256(await getSigningKey(this.sha256, credentials, shortDate, region, this.service));
    hash.update(await this.createStringToSign(longDate, scope, canonicalRequest, ALGORITHM_IDENTIFIER));
    const members = [
      `Credential=${credentials.accessKeyId}/${scope}`,
      `SignedHeaders=${this.getCanonicalHeaderList(signed)}`,
      `Signature=${(await hash.digest()).toString('hex')}`,
    ];
    return { ...headers, authorization: `${ALGORITHM_IDENTIFIER} ${members.join(', ')}` };
  }
}

/**
 * Signs requests as the SDK's clients do (AWS Signature Version 4).
 *
 * @returns a function from headers (names in lower case, `host` included) to these and the headers of the signature
 */
export function requestSigner(service: string, endpoint: URL, region: string, { sessionToken, ...keys }: Credentials) {
  const signature = new RequestSignature(service, region, keys);
  const request = {
    protocol: endpoint.protocol,
    hostname: endpoint.hostname,
    path: endpoint.pathname,
    query: Object.fromEntries(endpoint.searchParams),
  };
  return (
    headers: Record<string, string>,
    body: Uint8Array | string,
    method = 'POST',
  ): Promise<Record<string, string>> => signature.sign({ ...request, method, headers, body }, sessionToken);
}
