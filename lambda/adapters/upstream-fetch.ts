import type { UpstreamServer } from '../core/mcp/upstream/upstream-client.ts';
import { requestSigner } from '../shared/aws-request-signature.ts';

/** Carries the assertion where the signature of AWS takes `Authorization`. */
const ASSERTION_HEADER = 'x-holdfast-assertion';

/** Sends with `fetch`. The platform's classes are loaded at the first request. */
export function fetchUpstream(url: string, { iam }: { iam: boolean }): UpstreamServer['send'] {
  const sign = iam ? functionUrlSigner(new URL(url)) : undefined;
  return async ({ method, headers, body, assertion, signal }) => {
    const all = sign
      ? await sign({ ...headers, [ASSERTION_HEADER]: assertion }, body, method)
      : { ...headers, authorization: `Bearer ${assertion}` };
    // A redirect would carry the assertion to another host.
    const sent = { method, headers: all, signal, redirect: 'manual' as const, ...(body !== '' && { body }) };
    const response = await fetch(url, sent);
    return { status: response.status, headers: response.headers, body: response.body };
  };
}

/** Signs with the role of the function. Lambda renews its credentials with each execution environment. */
function functionUrlSigner(url: URL) {
  const { AWS_REGION = '', AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '', AWS_SESSION_TOKEN } = process.env;
  const [, region = AWS_REGION] = /\.lambda-url\.([a-z0-9-]+)\.on\.aws$/.exec(url.hostname) ?? [];
  const credentials = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
  const sign = requestSigner('lambda', url, region, { ...credentials, sessionToken: AWS_SESSION_TOKEN });
  return async (headers: Record<string, string>, body: string, method: string): Promise<Record<string, string>> => {
    const { host: _, ...signed } = await sign({ ...headers, host: url.host }, body, method);
    return signed;
  };
}
