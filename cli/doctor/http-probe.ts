import { isIP } from 'node:net';

/** A response as received: redirects are not followed, and at most `LONGEST_BODY` characters of the body are read. */
export type ProbeResponse = {
  method: string;
  url: string;
  status: number;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Whether the body is cut off, by its length or by the timeout. */
  isPartial: boolean;
  /** When the first and the last part of the body arrived, in milliseconds from the request; absent without a body. */
  bodyMilliseconds?: { first: number; last: number };
  /** Until the first byte, in milliseconds. */
  milliseconds: number;
  /** When the first byte arrived by this computer's clock, in epoch milliseconds. */
  receivedAt: number;
};

/** No response, and the reason. */
export type ProbeFailure = { method: string; url: string; problem: string };

export type ProbeResult = ProbeResponse | ProbeFailure;

export const isResponse = (result: ProbeResult | undefined): result is ProbeResponse =>
  result !== undefined && 'status' in result;

/** Metadata and key sets have a few thousand bytes, lists of tools seldom more than a hundred thousand. */
const LONGEST_BODY = 1024 * 1024;

export type Probe = (
  url: string,
  request?: { method?: string; headers?: Record<string, string>; body?: string },
) => Promise<ProbeResult>;

/**
 * @param timeoutMilliseconds for one whole request
 * @param cancel ends a request, as its timeout does
 * @returns a function that sends one request and never throws
 */
export function createProbe(timeoutMilliseconds: number, cancel?: AbortSignal): Probe {
  return async (url, { method = 'GET', headers = {}, body } = {}) => {
    const startedAt = performance.now();
    const timeout = AbortSignal.timeout(timeoutMilliseconds);
    const signal = cancel === undefined ? timeout : AbortSignal.any([timeout, cancel]);
    try {
      const response = await fetch(url, { method, headers, body, redirect: 'manual', signal });
      const milliseconds = performance.now() - startedAt;
      const receivedAt = Date.now();
      return {
        method,
        url,
        status: response.status,
        headers: Object.fromEntries(response.headers),
        ...(await readBody(response, startedAt)),
        milliseconds,
        receivedAt,
      };
    } catch (error) {
      return { method, url, problem: problemOf(error, timeoutMilliseconds) };
    }
  };
}

/** A stream that stays open is read until the timeout; its body is what arrived until then. */
async function readBody(
  response: Response,
  startedAt: number,
): Promise<Pick<ProbeResponse, 'body' | 'isPartial' | 'bodyMilliseconds'>> {
  const decoder = new TextDecoder();
  let body = '';
  let bodyMilliseconds: ProbeResponse['bodyMilliseconds'];
  try {
    for await (const chunk of response.body ?? []) {
      body += decoder.decode(chunk, { stream: true });
      const last = performance.now() - startedAt;
      bodyMilliseconds = { first: bodyMilliseconds?.first ?? last, last };
      if (body.length > LONGEST_BODY) return { body: body.slice(0, LONGEST_BODY), isPartial: true };
    }
  } catch {
    return { body, isPartial: true };
  }
  return { body, isPartial: false, ...(bodyMilliseconds && { bodyMilliseconds }) };
}

const HANDSHAKE_MILLISECONDS = 5_000;

/** When the certificate of a server expires, in epoch milliseconds; undefined when the connection or the certificate fails. */
export async function certificateEnd(url: string): Promise<number | undefined> {
  const { connect } = await import('node:tls');
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port || 443), ...(!isIP(host) && { servername: host }) });
    const end = (at?: number) => {
      socket.destroy();
      resolve(at);
    };
    socket.setTimeout(HANDSHAKE_MILLISECONDS, () => end());
    socket.once('error', () => end());
    socket.once('secureConnect', () => end(Date.parse(socket.getPeerCertificate().valid_to)));
  });
}

/** Why `fetch` failed: the code of the first cause that has one, such as `ENOTFOUND`. */
export function problemOf(error: unknown, timeoutMilliseconds: number): string {
  if ((error as Error).name === 'TimeoutError') return `no response within ${timeoutMilliseconds / 1000} seconds`;
  for (let cause = error; typeof cause === 'object' && cause !== null; cause = (cause as Error).cause) {
    // A host name with several addresses fails once for each.
    const { code, errors } = cause as { code?: unknown; errors?: { code?: unknown }[] };
    const firstCode = errors?.[0]?.code ?? code;
    if (typeof firstCode === 'string') return firstCode;
  }
  return String((error as Error).cause ?? error);
}

/** The body as a JSON object; undefined when it is not one. */
export function jsonObjectIn(result: ProbeResult | undefined): Record<string, unknown> | undefined {
  if (!isResponse(result)) return undefined;
  try {
    const value: unknown = JSON.parse(result.body);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
