import https from 'node:https';
import { ServiceUnavailableError } from '../../core/support/service-unavailable-error.ts';
import { type ProcessEnvironment, resolveEndpoint } from '../../shared/aws-endpoint.ts';
import { credentialsIn, requestSigner } from '../../shared/aws-request-signature.ts';
import { type HttpReply, sendHttpRequest } from '../../shared/http-exchange.ts';
import { retryRequests } from '../../shared/request-retries.ts';

/** Runs an operation of KMS by its name. Members are those of KMS's JSON protocol, in which bytes are Base64. */
export type KmsClient = (operation: string, input: object) => Promise<Record<string, unknown>>;

/** Errors of the request or of the configuration: the operator's to correct. All others mean that KMS is unavailable. */
const requestErrors = new Set([
  'AccessDeniedException',
  'IncorrectKeyException',
  'InvalidArnException',
  'InvalidCiphertextException',
  'InvalidKeyUsageException',
  'NotFoundException',
  'UnsupportedOperationException',
  'ValidationException',
]);

/**
 * KMS's JSON protocol (AWS JSON 1.1) on Node's own modules, as `signed-table-client.ts` has DynamoDB's: the SDK's client
 * takes longer to load than the rest of a cold start.
 *
 * The client throws an error with KMS's name for it when the request or the configuration is wrong, and
 * `ServiceUnavailableError` for every other failure.
 */
export function openKms(
  environment: ProcessEnvironment = process.env,
  retry = retryRequests(['throttling', 'transient']),
): KmsClient {
  let connected: ReturnType<typeof connectionIn> | undefined;

  return async (operation, input) => {
    connected ??= connectionIn(environment);
    const { host, target, request, sign } = connected;
    const body = Buffer.from(JSON.stringify(input));
    const headers = {
      'content-type': 'application/x-amz-json-1.1',
      'content-length': String(body.length),
      host,
      'x-amz-target': `TrentService.${operation}`,
    };
    try {
      return await retry(async () => {
        // Signed anew for each attempt: the function may have been frozen since.
        const signed = await sign(headers, body);
        return outcomeOf(operation, input, await sendHttpRequest(request, { ...target, headers: signed }, body));
      });
    } catch (error) {
      if (requestErrors.has((error as Error).name)) throw error;
      throw new ServiceUnavailableError('The key service', error);
    }
  };
}

/** Made for the first request: a server is loaded outside of Lambda too. */
function connectionIn(environment: ProcessEnvironment) {
  const { url, region } = resolveEndpoint('kms', environment);
  // Only local endpoints use http. An import of `node:http` costs processes that run these sources 20 ms.
  const { Agent, request } = url.protocol === 'https:' ? https : process.getBuiltinModule('node:http');
  const target = {
    agent: new Agent({ keepAlive: true }),
    method: 'POST',
    // A URL has an IPv6 address in brackets.
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || undefined,
    path: url.pathname,
  };
  return { host: url.host, target, request, sign: requestSigner('kms', url, region, credentialsIn(environment)) };
}

function outcomeOf(operation: string, input: object, { status, body }: HttpReply): Record<string, unknown> {
  const content = contentOf(body);
  if (status === 200 && content) return content;
  const { __type, message = '' } = content ?? {};
  // `com.amazonaws.kms#NotFoundException`
  const name = String(__type).replace(/^.*#/, '');
  const { KeyId } = input as { KeyId?: unknown };
  const text = `KMS answered ${operation} of ${KeyId} with status ${status}, ${name} ${message}`;
  throw Object.assign(new Error(text.trimEnd()), { name, status });
}

/** Undefined for a body that is not a JSON object, such as a proxy's. */
function contentOf(body: Buffer): Record<string, unknown> | undefined {
  try {
    const content: unknown = JSON.parse(body.toString());
    return typeof content === 'object' && content !== null ? (content as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A member that is Base64. */
export const bytesOf = (member: unknown): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.from(String(member), 'base64'));

export const base64 = (data: Uint8Array): string => Buffer.from(data).toString('base64');
