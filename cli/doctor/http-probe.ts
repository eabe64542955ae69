/** An answer as it came: redirects are not followed, and no more than `LONGEST_BODY` bytes of it are read. */
export type ProbeResponse = {
  method: string;
  url: string;
  status: number;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Whether there was more, or the time was up before the end. */
  isPartial: boolean;
  /** Until the first byte, in milliseconds. */
  milliseconds: number;
  /** When the first byte was there, in milliseconds since 1970 by this computer. */
  receivedAt: number;
};

/** No answer, and why. */
export type ProbeFailure = { method: string; url: string; problem: string };

export type ProbeResult = ProbeResponse | ProbeFailure;

export const isResponse = (visited: ProbeResult | undefined): visited is ProbeResponse =>
  visited !== undefined && 'status' in visited;

/** Metadata and key sets have a few thousand bytes, and a list of tools seldom more than a hundred thousand. */
const LONGEST_BODY = 1024 * 1024;

export type Probe = (
  url: string,
  request?: { method?: string; headers?: Record<string, string>; body?: string },
) => Promise<ProbeResult>;

/**
 * @param timeoutMilliseconds for the whole of a request
 * @returns what makes one request and never throws
 */
export function createProbe(timeoutMilliseconds: number): Probe {
  return async (url, { method = 'GET', headers = {}, body } = {}) => {
    const began = performance.now();
    const signal = AbortSignal.timeout(timeoutMilliseconds);
    try {
      const response = await fetch(url, { method, headers, body, redirect: 'manual', signal });
      const milliseconds = performance.now() - began;
      const receivedAt = Date.now();
      return {
        method,
        url,
        status: response.status,
        headers: Object.fromEntries(response.headers),
        ...(await bounded(response)),
        milliseconds,
        receivedAt,
      };
    } catch (error) {
      return { method, url, problem: problemOf(error, timeoutMilliseconds) };
    }
  };
}

/** A stream that stays open is read until the time is up: what has come by then is its body. */
async function bounded(response: Response): Promise<Pick<ProbeResponse, 'body' | 'isPartial'>> {
  const decoder = new TextDecoder();
  let body = '';
  try {
    for await (const chunk of response.body ?? []) {
      body += decoder.decode(chunk, { stream: true });
      if (body.length > LONGEST_BODY) return { body: body.slice(0, LONGEST_BODY), isPartial: true };
    }
  } catch {
    return { body, isPartial: true };
  }
  return { body, isPartial: false };
}

/** In one word where there is one, such as `ENOTFOUND`: the code of the first cause that has one. */
function problemOf(error: unknown, timeoutMilliseconds: number): string {
  if ((error as Error).name === 'TimeoutError') return `no answer within ${timeoutMilliseconds / 1000} seconds`;
  for (let each = error; typeof each === 'object' && each !== null; each = (each as Error).cause) {
    const { code, errors } = each as { code?: unknown; errors?: { code?: unknown }[] };
    const known = errors?.[0]?.code ?? code;
    if (typeof known === 'string') return known;
  }
  return String((error as Error).cause ?? error);
}

/** The JSON object that an answer is, if it is one. */
export function objectIn(visited: ProbeResult | undefined): Record<string, unknown> | undefined {
  if (!isResponse(visited)) return undefined;
  try {
    const value: unknown = JSON.parse(visited.body);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
