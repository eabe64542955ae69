import type { Page } from '../../local/testing/form-browser.ts';
import type { TestCloud } from '../support/test-cloud.ts';

/** The response to one HTTP request. The status is 0 when there was no complete response. */
export type Answer = {
  status: number;
  headers: Headers;
  text: string;
  /** The address that a browser shows, or goes to next. */
  url?: string;
};

/** The recipient of an error. */
export type Reader = 'client' | 'user' | 'assistant' | 'dashboard' | 'operator';

/** Requests that were sent, and those whose response the client has received as a success. */
export type Counts = { sent: number; acknowledged: number };

/** One request of a client that is ready to be sent. */
export type Attempt = {
  /** @param isHeard false when the client does not receive the response, so that it keeps no cookie of it */
  send(isHeard?: boolean): Promise<Answer>;
  /** The client's next request after the given response. @default the same one again */
  repeat?(answer: Answer): Promise<Answer>;
  /** Whether the response is the success that the client wants. */
  isSuccess(answer: Answer): boolean;
  /** Compares the effects with the counted requests. @throws Error that states the difference */
  verify(counts: Counts): Promise<void>;
};

/** One request of the product, with everything that precedes it. */
export type Flow = {
  name: string;
  reader: Reader;
  /** The construct of the function whose requests are disturbed. @default all of them */
  caller?: string;
  prepare(cloud: TestCloud): Promise<Attempt>;
};

/** A client waits this long. */
const PATIENCE_MILLISECONDS = 40_000;

/** Longer than the timeout of a request to a service, after which it is repeated. */
const EVENTUALLY_MILLISECONDS = 8000;

export async function answerOf(request: Promise<Response>): Promise<Answer> {
  return received(async () => {
    const response = await request;
    return { status: response.status, headers: response.headers, text: await response.text() };
  });
}

export const pageAnswer = (request: Promise<Page>): Promise<Answer> =>
  received(async () => {
    const { status, headers, html, url } = await request;
    return { status, headers, text: html, url };
  });

async function received(read: () => Promise<Answer>): Promise<Answer> {
  const nothing = (text: string): Answer => ({ status: 0, headers: new Headers(), text });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer>((resolve) => {
    timer = setTimeout(() => resolve(nothing('no response in time')), PATIENCE_MILLISECONDS);
  });
  try {
    return await Promise.race([read(), late]);
  } catch (error) {
    return nothing(`${error} ${(error as Error).cause ?? ''}`);
  } finally {
    clearTimeout(timer);
  }
}

export const locationOf = ({ headers }: Answer): string => headers.get('location') ?? '';

/** The JSON of a response, or of the last event of a stream. */
export function jsonOf({ text }: Answer): Record<string, unknown> {
  const events = [...text.matchAll(/^data: (.+)$/gm)];
  return JSON.parse(events.at(-1)?.[1] ?? text);
}

export function expectThat(condition: unknown, difference: string): asserts condition {
  if (!condition) throw new Error(difference);
}

export function expectStatus(answer: Answer, status: number, what: string): void {
  expectThat(answer.status === status, `${what}: ${brief(answer)}`);
}

/** Checks again until it passes, for effects of a function that goes on after its response. */
export async function eventually(check: () => Promise<void>, milliseconds = EVENTUALLY_MILLISECONDS): Promise<void> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((again) => setTimeout(again, 50));
    }
  }
}

/** Expects as many effects as acknowledged requests at least, and as sent requests at most. */
export function expectCount(what: string, found: number, { sent, acknowledged }: Counts): void {
  const expected = sent === acknowledged ? `${sent}` : `${acknowledged} to ${sent}`;
  expectThat(found >= acknowledged && found <= sent, `${what}: ${found} instead of ${expected}`);
}

/** Status and body, or status and redirect. */
export const brief = (answer: Answer): string => {
  const { status, text, headers } = answer;
  const heading = /<h1[^>]*>(.*?)<\/h1>/s.exec(text)?.[1];
  const body = heading === undefined ? text : `page “${heading}”`;
  const location = headers.get('location');
  const content = `${status} ${location ? `→ ${location}` : body}`;
  return content
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\w-]{30,}/g, '…')
    .slice(0, 220);
};

/** The deviation of an error response from the protocol of its reader; undefined without one. */
export function malformation(answer: Answer, reader: Reader): string | undefined {
  const { status, headers, text } = answer;
  if (reader === 'operator') return undefined;
  if (status === 303 && reader === 'user') {
    const parameters = new URL(locationOf(answer)).searchParams;
    return parameters.get('error') === 'temporarily_unavailable' && parameters.has('iss')
      ? undefined
      : 'wrong redirect';
  }
  if (isToolError(answer, reader)) return undefined;
  if (status !== 503) return `status ${status} instead of 503`;
  if (!/^[1-9]\d*$/.test(headers.get('retry-after') ?? '')) return 'no Retry-After';
  const type = headers.get('content-type') ?? '';
  if (!type.startsWith(reader === 'user' ? 'text/html' : 'application/json')) return `content type ${type}`;
  if (reader === 'user') return undefined;
  const { error, jsonrpc } = JSON.parse(text);
  if (reader === 'client') return error === 'temporarily_unavailable' ? undefined : `error ${error}`;
  if (reader === 'dashboard') return error?.code === 'service_unavailable' ? undefined : `error ${error?.code}`;
  return jsonrpc === '2.0' && error?.code === -32000 ? undefined : `error ${error?.code}`;
}

/** A tool that reports a failure to the model, or a call whose process has died. */
function isToolError(answer: Answer, reader: Reader): boolean {
  if (reader !== 'assistant' || answer.status !== 200) return false;
  return isInterrupted(answer) || (jsonOf(answer) as { result?: { isError?: boolean } }).result?.isError === true;
}

/** Whether the answer is that of a call whose process has died. */
export const isInterrupted = ({ status, text }: Answer): boolean =>
  status === 200 && text.includes('its effects are unknown');
