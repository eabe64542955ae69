import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type Configuration, errors, type Provider } from 'oidc-provider';
import { type DemoUser, subjectOf } from './demo-users.ts';
import type { FindClient } from './oidc-provider-configuration.ts';
import { errorPage, sendPage, signedOutPage, signInPage } from './oidc-provider-pages.ts';

export type HostedSignInOptions = {
  provider: Provider;
  findClient: FindClient;
  users: readonly DemoUser[];
  /** User names of the users who may not sign in. */
  disabled: ReadonlySet<string>;
  cookieOptions: NonNullable<Configuration['cookies']>['long'];
};

/** Cognito's hosted pages: sign-in and sign-out. */
export class HostedSignIn {
  readonly #options: HostedSignInOptions;

  constructor(options: HostedSignInOptions) {
    this.#options = options;
  }

  async signIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { provider, users, disabled } = this.#options;
    let interaction: Awaited<ReturnType<Provider['interactionDetails']>>;
    try {
      interaction = await provider.interactionDetails(request, response);
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      return sendPage(response, 400, errorPage('expired', 'This sign-in is complete or has expired.'));
    }
    if (request.method !== 'POST') return sendPage(response, 200, signInPage({ username: this.#hinted(interaction) }));

    const form = new URLSearchParams(await text(request));
    const username = form.get('username')?.trim().toLowerCase() ?? '';
    const user = users.find((each) => each.username === username && !disabled.has(username));
    if (user === undefined || form.get('password') !== user.username) {
      return sendPage(response, 401, signInPage({ username, isRejected: true }));
    }
    const accountId = subjectOf(user);
    const next = await provider.interactionResult(request, response, { login: { accountId } });
    await this.#replaceUser(interaction.session?.uid, accountId);
    response.writeHead(303, { Location: next, 'Cache-Control': 'no-store' }).end();
  }

  /** The user name that `login_hint` states (OIDC Core §3.1.2.1), by itself or by its address. */
  #hinted({ params }: Awaited<ReturnType<Provider['interactionDetails']>>): string | undefined {
    const { login_hint: hint } = params;
    if (typeof hint !== 'string') return undefined;
    return this.#options.users.find(({ email }) => email === hint)?.username ?? hint;
  }

  /** A second user in the same browser takes over the session. oidc-provider would revoke the first user's grants. */
  async #replaceUser(sessionUid: string | undefined, accountId: string): Promise<void> {
    if (sessionUid === undefined) return;
    const session = await this.#options.provider.Session.findByUid(sessionUid);
    if (session === undefined || session.accountId === accountId) return;
    session.accountId = undefined;
    session.authorizations = {};
    await session.persist();
  }

  /** Cognito's `/logout`: asks no question, leaves tokens valid, and redirects to a registered `logout_uri` if given. */
  async signOut(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const { provider, findClient, cookieOptions } = this.#options;
    const target = query.get('logout_uri');
    if (target !== null && !findClient(query.get('client_id'))?.logoutUris?.includes(target)) {
      return sendPage(response, 400, errorPage('invalid_request', 'The logout_uri is not registered for this client.'));
    }
    const context = provider.createContext(request, response);
    const session = await provider.Session.get(context);
    if (session.accountId !== undefined) await session.destroy();
    context.cookies.set(provider.cookieName('session'), null, cookieOptions);
    if (target !== null) response.writeHead(302, { Location: target }).end();
    else sendPage(response, 200, signedOutPage());
  }
}
