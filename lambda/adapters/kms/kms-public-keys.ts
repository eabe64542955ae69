import { createHash, createPublicKey } from 'node:crypto';
import https from 'node:https';
import type { Signer } from '../../core/oauth/tokens/facade-tokens.ts';
import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import { type ProcessEnvironment, resolveEndpoint } from '../../shared/aws-endpoint.ts';
import { credentialsIn, requestSigner } from '../../shared/aws-request-signature.ts';
import { sendHttpRequest } from '../../shared/http-exchange.ts';

/**
 * The public keys of `ECC_NIST_P256` keys, fetched once. The request is signed here: a cold authorizer may wait for the key
 * set, and the SDK's client takes longer to load than everything else of that response.
 *
 * @returns a function that throws `ServiceUnavailableError` when KMS does not respond
 */
export function kmsPublicKeys(
  keyIds: readonly string[],
  environment: ProcessEnvironment = process.env,
): Signer['publicKeys'] {
  const { url, region } = resolveEndpoint('kms', environment);
  const sign = requestSigner('kms', url, region, credentialsIn(environment));
  // Only local endpoints use http.
  const { request } = url.protocol === 'https:' ? https : process.getBuiltinModule('node:http');
  let published: ReturnType<Signer['publicKeys']> | undefined;

  async function fetchKey(KeyId: string) {
    const body = Buffer.from(JSON.stringify({ KeyId }));
    const headers = await sign(
      {
        'content-type': 'application/x-amz-json-1.1',
        'content-length': String(body.length),
        host: url.host,
        'x-amz-target': 'TrentService.GetPublicKey',
      },
      body,
    );
    const target = { method: 'POST', host: url.hostname, port: url.port || undefined, path: url.pathname, headers };
    const reply = await sendHttpRequest(request, target, body).catch((error) => {
      throw new ServiceUnavailableError('The key service', error);
    });
    return publicJwk(spkiIn(KeyId, reply));
  }

  return () => {
    published ??= Promise.all(keyIds.map(fetchKey)).catch((error) => {
      published = undefined;
      throw error;
    });
    return published;
  };
}

/**
 * The key in DER.
 *
 * @throws Error for a key that is missing or that the function may not read: the operator's to correct
 * @throws ServiceUnavailableError for another response
 */
function spkiIn(keyId: string, { status, body }: { status: number; body: Buffer }): Buffer {
  const { PublicKey, __type: name } = contentOf(body);
  if (status === 200 && typeof PublicKey === 'string') return Buffer.from(PublicKey, 'base64');
  const error = new Error(`KMS answered GetPublicKey of ${keyId} with status ${status}, ${String(name)}`);
  throw permanentErrors.test(String(name)) ? error : new ServiceUnavailableError('The key service', error);
}

/** Empty for a body that is not JSON, such as a proxy's. */
function contentOf(body: Buffer): { PublicKey?: unknown; __type?: unknown } {
  try {
    return (JSON.parse(body.toString()) ?? {}) as object;
  } catch {
    return {};
  }
}

const permanentErrors = /AccessDenied|NotFound|InvalidArn|InvalidKeyUsage|UnsupportedOperation|Validation/;

/** With its thumbprint as its id (RFC 7638 §3: the required members in lexicographic order). */
function publicJwk(spki: Buffer) {
  const { crv, kty, x, y } = createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'jwk' });
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
  return { kty: kty!, x: x!, y: y!, crv: crv!, alg: 'ES256', use: 'sig', kid };
}
