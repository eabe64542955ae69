import { parseJson } from '../core/support/json.ts';
import { shorten, singleLine } from '../core/support/untrusted-text.ts';
import type { TelemetryEndpoint } from '../core/telemetry/telemetry-export.ts';
import { requestSigner } from '../shared/aws-request-signature.ts';

/** The headers of a request, with those that authorize it. */
export type TelemetryAuthorization = (
  url: URL,
  headers: Record<string, string>,
  body: string,
) => Promise<Record<string, string>>;

const TIMEOUT_MILLISECONDS = 10_000;
/** A response states at most what was rejected. */
const LARGEST_RESPONSE = 16_384;
const LONGEST_REASON = 200;

/**
 * Statuses of data that the endpoint would reject again. The specification excludes more of them from repetition, such as 401;
 * the next run repeats those, because by then the operator may have corrected the secret or the endpoint.
 */
const rejections = new Set([400, 413, 415, 422]);

/**
 * An OTLP endpoint by HTTP, in JSON.
 *
 * @param base URL without the path of the signal
 * @see https://opentelemetry.io/docs/specs/otlp/#otlphttp
 */
export function otlpEndpoint(base: string, authorize: TelemetryAuthorization): TelemetryEndpoint {
  return {
    async send(signal, message) {
      const url = new URL(`${base.replace(/\/+$/, '')}/v1/${signal}`);
      const body = JSON.stringify(message);
      const headers = await authorize(url, { 'content-type': 'application/json' }, body);
      const timeout = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
      // A redirect would carry the headers to another host.
      const request = { method: 'POST', headers, body, redirect: 'manual' as const, signal: timeout };
      const response = await fetch(url, request).catch((error: Error) => {
        throw new Error(`${url.origin} is not reachable: ${error.cause ?? error.message}`);
      });
      const text = await beginningOf(response);
      if (response.ok) return partialRejection(text);
      // Some services quote the key that they reject.
      const isUnauthorized = response.status === 401 || response.status === 403;
      const reason = isUnauthorized ? 'check the secret with the headers' : shorten(singleLine(text), LONGEST_REASON);
      const answer = `${url.origin} responded with ${response.status}: ${reason}`;
      if (rejections.has(response.status)) return answer;
      throw new Error(answer);
    },
  };
}

async function beginningOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > LARGEST_RESPONSE) break;
  }
  return text.slice(0, LARGEST_RESPONSE);
}

type PartialSuccess = { rejectedSpans?: unknown; rejectedDataPoints?: unknown; errorMessage?: unknown };

/** A response of success may state that a part was rejected. */
function partialRejection(text: string): string | undefined {
  const { partialSuccess } = parsed(text);
  const { rejectedSpans, rejectedDataPoints, errorMessage = '' } = partialSuccess ?? {};
  const rejected = Number(rejectedSpans ?? rejectedDataPoints ?? 0);
  return rejected > 0
    ? `${rejected} rejected: ${shorten(singleLine(String(errorMessage)), LONGEST_REASON)}`
    : undefined;
}

function parsed(text: string): { partialSuccess?: PartialSuccess } {
  try {
    return (parseJson(text) as { partialSuccess?: PartialSuccess } | null) ?? {};
  } catch {
    // Some services answer `OK`, or nothing.
    return {};
  }
}

/** Signs with the role of the function, for the endpoint of AWS X-Ray. */
export const signedForXRay: TelemetryAuthorization = (url, headers, body) => {
  const { AWS_REGION = '', AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN } = process.env;
  const credentials = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
  const sign = requestSigner('xray', url, AWS_REGION, { ...credentials, sessionToken: AWS_SESSION_TOKEN });
  return sign({ ...headers, host: url.host }, body);
};
