import { Browser } from '../../bench/harness/form-browser.ts';
import { API_PATH, type Me } from '../../lambda/core/dashboard/dashboard-api.ts';

/** A user who is signed in at the dashboard, with the requests of its page. */
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
    return fetch(`${this.origin}${API_PATH}${path}`, { ...init, headers: { cookie: this.cookie, ...init.headers } });
  }

  /** @throws Error if the response is not successful */
  async get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const parameters = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    const answer = await this.request(`${path}?${parameters}`);
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** Sends a request of the page that changes data. @param headers to send otherwise; `undefined` omits one */
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
