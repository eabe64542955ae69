import { type IncomingHttpHeaders, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { redirectUri, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { Browser, type Page } from '../../local/testing/form-browser.ts';

export const json = async (answer: Response) => (await answer.json()) as Record<string, unknown>;

/** Status and error code, by which a client distinguishes rejections. */
export const refusal = async (answer: Response) => [answer.status, (await json(answer)).error];

/** Opens the address in a new browser and follows redirects until the client's redirect URI. */
export const open = (url: string) => new Browser().open(url, redirectUri);

/** The parameters of the response at the client's redirect URI. */
export const answerAt = ({ url }: Page) => Object.fromEntries(new URL(url).searchParams);

/** The parameters that the page offers to take to the client's redirect URI by a click. */
export function offeredAt(page: Page): Record<string, string> {
  expectPage(page, page.status);
  const href = /<a class="button" rel="noreferrer" href="([^"]+)">/.exec(page.html)?.[1];
  if (href === undefined) throw new Error(`The page has no button back to the client:\n${page.html}`);
  const decoded = href.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');
  return Object.fromEntries(new URL(decoded).searchParams);
}

/** Expects a page for the user that does not redirect. */
export function expectPage(page: Page, status = 400): void {
  expect([page.status, page.headers.get('location')]).toEqual([status, null]);
  expect(page.headers.get('content-type')).toMatch(/^text\/html/);
}

/** The grant's id, which the refresh token contains. */
export const grantOf = ({ refresh_token }: Pick<Tokens, 'refresh_token'>) => /^hrt1_([^.]+)/.exec(refresh_token)![1]!;

export type RawAnswer = { status: number; headers: IncomingHttpHeaders; text: string };

/** Sends a request with exactly these headers, including repeated ones, which `fetch` would merge. */
export function rawRequest(
  url: string,
  { method = 'GET', headers = [] as [string, string][], body = '' as string | Buffer } = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const host: [string, string] = ['Host', new URL(url).host];
    const all = headers.some(([name]) => /^host$/i.test(name)) ? headers : [host, ...headers];
    const length = body.length > 0 ? [['Content-Length', String(Buffer.byteLength(body))] as [string, string]] : [];
    const sent = request(url, { method, headers: [...all, ...length].flat() }, async (answer) =>
      resolve({ status: answer.statusCode!, headers: answer.headers, text: await text(answer) }),
    );
    sent.on('error', reject).end(body);
  });
}
