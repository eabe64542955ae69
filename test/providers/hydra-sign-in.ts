import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json, text } from 'node:stream/consumers';

/** A request to Hydra's admin API. */
type Admin = (method: string, path: string, body?: unknown) => Promise<unknown>;

type User = { groups: string[]; isDisabled: boolean };

const form = '<form method="post"><input name="username"><input name="password" type="password"></form>';

/** The part of an Ory Hydra that its operator writes: users, pages for sign-in and consent, and the refresh hook. */
export class HydraSignIn {
  /** The audience of access tokens. */
  audience: string | undefined;
  readonly #admin: Admin;
  readonly #server: Server;
  readonly #users = new Map<string, User>();

  private constructor(admin: Admin) {
    this.#admin = admin;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error) => response.writeHead(500).end(String(error.stack)));
    });
  }

  static async start(admin: Admin): Promise<HydraSignIn> {
    const signIn = new HydraSignIn(admin);
    await once(signIn.#server.listen(0, '127.0.0.1'), 'listening');
    return signIn;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  setGroups(user: string, groups: string[]): void {
    this.#users.set(user, { groups, isDisabled: false });
  }

  disable(user: string): void {
    this.#users.get(user)!.isDisabled = true;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await once(this.#server.close(), 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, this.origin);
    const redirect = (location: string) => response.writeHead(303, { location }).end();
    if (pathname === '/login') {
      const signedIn = request.method === 'POST' ? this.#signedIn(new URLSearchParams(await text(request))) : undefined;
      if (signedIn !== undefined) redirect(await this.#acceptLogin(searchParams.get('login_challenge')!, signedIn));
      else response.writeHead(request.method === 'POST' ? 401 : 200, { 'content-type': 'text/html' }).end(form);
    } else if (pathname === '/consent') {
      redirect(await this.#acceptConsent(searchParams.get('consent_challenge')!));
    } else if (pathname === '/refresh') {
      const { subject } = (await json(request)) as { subject: string };
      if (this.#users.get(subject)!.isDisabled) response.writeHead(403).end();
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(this.#session(subject)));
    } else {
      response.writeHead(404).end();
    }
  }

  #signedIn(fields: URLSearchParams): string | undefined {
    const username = fields.get('username') ?? '';
    const user = this.#users.get(username);
    return user && !user.isDisabled && fields.get('password') === username ? username : undefined;
  }

  #session(subject: string): { session: object } {
    const { groups } = this.#users.get(subject)!;
    return { session: { id_token: { name: subject, groups }, access_token: { groups } } };
  }

  async #acceptLogin(challenge: string, subject: string): Promise<string> {
    return redirectOf(
      await this.#admin('PUT', `/oauth2/auth/requests/login/accept?login_challenge=${challenge}`, { subject }),
    );
  }

  async #acceptConsent(challenge: string): Promise<string> {
    const request = (await this.#admin('GET', `/oauth2/auth/requests/consent?consent_challenge=${challenge}`)) as {
      subject: string;
      requested_scope: string[];
      client: { client_id: string };
    };
    if (this.audience !== undefined) {
      // Hydra refreshes tokens only for audiences of the client, and a client cannot register one.
      const value = [this.audience];
      await this.#admin('PATCH', `/clients/${request.client.client_id}`, [{ op: 'replace', path: '/audience', value }]);
    }
    const accepted = {
      grant_scope: request.requested_scope,
      grant_access_token_audience: this.audience === undefined ? [] : [this.audience],
      ...this.#session(request.subject),
    };
    return redirectOf(
      await this.#admin('PUT', `/oauth2/auth/requests/consent/accept?consent_challenge=${challenge}`, accepted),
    );
  }
}

const redirectOf = (accepted: unknown) => (accepted as { redirect_to: string }).redirect_to;
