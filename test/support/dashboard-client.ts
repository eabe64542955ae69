import { API_PATH, type Me, TOKENS_PATH } from '../../lambda/core/dashboard/dashboard-api.ts';
import type { PersonalToken } from '../../lambda/core/oauth/tokens/personal-tokens.ts';
import { Browser } from '../../local/testing/form-browser.ts';

/** A user signed in to the dashboard, with the requests of its page. */
export class DashboardClient {
  readonly origin: string;
  readonly cookie: string;
  me!: Me;

  private constructor(origin: string, cookie: string) {
    this.origin = origin;
    this.cookie = cookie;
  }

  static async signIn(origin: string, username: string, browser = new Browser()): Promise<DashboardClient> {
    const page = await browser.open(`${origin}/dashboard/sign-in`);
    if (new URL(page.url).pathname !== '/dashboard') await browser.submit(page, { username, password: username });
    const client = new DashboardClient(origin, browser.cookieHeader(origin));
    client.me = await client.get<Me>('me');
    return client;
  }

  request(path: string, init: RequestInit = {}): Promise<Response> {
    const absolute = path.startsWith('/') ? path : `${API_PATH}${path}`;
    return fetch(`${this.origin}${absolute}`, { ...init, headers: { cookie: this.cookie, ...init.headers } });
  }

  /** @throws Error for a response other than 2xx */
  async get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const parameters = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    const response = await this.request(`${path}?${parameters}`);
    if (!response.ok) throw new Error(`GET ${path} failed with ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Makes a personal access token. @throws Error for a response other than 2xx */
  async makeToken(change: Partial<Record<'name' | 'scopes' | 'days', unknown>> = {}): Promise<PersonalToken> {
    const response = await this.post(TOKENS_PATH, { name: 'laptop', scopes: ['mcp'], days: 30, ...change });
    if (!response.ok) throw new Error(`The token was rejected with ${response.status}: ${await response.text()}`);
    return (await response.json()) as PersonalToken;
  }

  /** Sends a POST as the page does. @param headers override the page's; `undefined` omits a header */
  post(path: string, body: unknown = {}, headers: Record<string, string | undefined> = {}): Promise<Response> {
    const all = {
      origin: this.origin,
      'content-type': 'application/json',
      'x-csrf-token': this.me.csrf,
      'sec-fetch-site': 'same-origin',
      ...headers,
    };
    const sent = Object.entries(all).filter((each): each is [string, string] => each[1] !== undefined);
    return this.request(path, {
      method: 'POST',
      headers: Object.fromEntries(sent),
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }
}
