/** A browser without scripts: cookies, redirects and forms over HTTP. */

export type Page = { url: string; status: number; headers: Headers; html: string };

type Form = { action: string; method: string; fields: Record<string, string> };

const REDIRECTS = 15;

export class Browser {
  /** Cookies by host. They do not depend on the port, as in browsers. */
  readonly #cookies = new Map<string, Map<string, string>>();

  /**
   * Opens the address and follows redirects.
   * @param stopAt the client's redirect URI: a redirect to it is returned, not followed
   */
  open(url: string, stopAt?: string): Promise<Page> {
    return this.#request(url, { method: 'GET' }, stopAt);
  }

  /** Fills in and submits the page's form. `fields` may contain the submit button. */
  submit(page: Page, fields: Record<string, string>, stopAt?: string): Promise<Page> {
    const form = formOf(page);
    const body = new URLSearchParams({ ...form.fields, ...fields });
    const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(page.url).origin };
    return this.#request(form.action, { method: form.method, headers, body }, stopAt);
  }

  /** A browser with the same cookies, for a response that this one does not receive. */
  copy(): Browser {
    const copy = new Browser();
    for (const [host, jar] of this.#cookies) copy.#cookies.set(host, new Map(jar));
    return copy;
  }

  /** The `Cookie` header for the URL. */
  cookieHeader(url: string): string {
    const jar = this.#cookies.get(new URL(url).hostname) ?? new Map();
    return Array.from(jar, ([name, value]) => `${name}=${value}`).join('; ');
  }

  async #request(url: string, init: RequestInit, stopAt?: string): Promise<Page> {
    for (let hop = 0; hop < REDIRECTS; hop++) {
      const headers = new Headers(init.headers);
      headers.set('cookie', this.cookieHeader(url));
      const response = await fetch(url, { ...init, headers, redirect: 'manual' });
      this.#keep(url, response.headers.getSetCookie());
      const location = response.headers.get('location');
      if (location === null || response.status < 300 || response.status > 399) {
        return { url, status: response.status, headers: response.headers, html: await response.text() };
      }
      await response.arrayBuffer();
      url = new URL(location, url).href;
      if (stopAt !== undefined && url.startsWith(stopAt)) {
        return { url, status: response.status, headers: response.headers, html: '' };
      }
      init = { method: 'GET' };
    }
    throw new Error(`${url} redirects more than ${REDIRECTS} times`);
  }

  #keep(url: string, cookies: string[]): void {
    const { hostname } = new URL(url);
    const jar = this.#cookies.get(hostname) ?? new Map<string, string>();
    this.#cookies.set(hostname, jar);
    for (const cookie of cookies) {
      const [pair = '', ...attributes] = cookie.split(/; */);
      const [name = '', value = ''] = pair.split(/=(.*)/s);
      const expired = attributes.some((each) => /^max-age=0$/i.test(each) || /^expires=.*1970/i.test(each));
      if (expired) jar.delete(name);
      else jar.set(name, value);
    }
  }
}

/** The page's only form with its values. */
export function formOf(page: Page): Form {
  const [, attributes = '', content = ''] = /<form([^>]*)>(.*?)<\/form>/s.exec(page.html) ?? [];
  if (!attributes) throw new Error(`${page.url} (${page.status}) has no form: ${page.html.slice(0, 2000)}`);
  const fields: Record<string, string> = {};
  for (const [input] of content.matchAll(/<input[^>]*>/g)) {
    const name = attribute(input, 'name');
    const isUnchosen = attribute(input, 'type') === 'radio' && !/\schecked\b/.test(input);
    if (name !== undefined && !isUnchosen) fields[name] = attribute(input, 'value') ?? '';
  }
  return {
    action: new URL(attribute(attributes, 'action') ?? '', page.url).href,
    method: (attribute(attributes, 'method') ?? 'get').toUpperCase(),
    fields,
  };
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1];
  return value?.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&amp;', '&');
}

/** Completes an authorization request as a user does: consent, sign-in, redirect to the client. */
export async function approveAndSignIn(authorizationUrl: string, user: string, browser = new Browser()): Promise<URL> {
  const stopAt = new URL(authorizationUrl).searchParams.get('redirect_uri')!;
  const consent = await browser.open(authorizationUrl, stopAt);
  const signIn = consent.url.startsWith(stopAt)
    ? consent
    : await browser.submit(consent, { answer: 'approve' }, stopAt);
  const back = signIn.url.startsWith(stopAt)
    ? signIn
    : await browser.submit(signIn, { username: user, password: user }, stopAt);
  if (!back.url.startsWith(stopAt)) throw new Error(`Sign-in ended at ${back.url} (${back.status}): ${back.html}`);
  const answer = new URL(back.url);
  if (!answer.searchParams.has('code')) throw new Error(`The authorization response is ${answer.search}`);
  return answer;
}
