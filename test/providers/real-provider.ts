import type { Browser, Page } from '../../local/testing/form-browser.ts';

/** The client that Holdfast is at the provider. */
export type HoldfastClient = { id: string; secret: string; redirectUri: string };

/** A product of an identity provider, which installs from a package registry. */
export type ProviderProduct = {
  /** The name for `--provider`. */
  name: string;
  /** The product with its version. */
  title: string;
  /** Settings of Holdfast for it, by their context names, beside issuer, client id and secret. */
  settings: Record<string, string>;
  /**
   * The effect of the next refresh on the client of a disabled user. It `waits` where the provider answers with an error
   * that it also uses for faults of Holdfast, so that Holdfast cannot end the grant.
   */
  disabledUser: 'signs in' | 'waits';
  /** Whether it issues a refresh token that is not requested, by `offline_access`. */
  issuesUnrequestedRefreshTokens: boolean;
  /** The path of the issuer. */
  issuerPath: string;
  /** A token for another API that `prepareExchange` permits, as a tool requests it; absent where it exchanges no tokens. */
  exchange?: { audience: string; scopes: string[] };
  /** Settings of direct mode, or the reason why the product does not support it. */
  direct: { settings: Record<string, string> } | { impossible: string };
  /** @param folder for its data; deleted after the run */
  start(folder: string): Promise<RealProvider>;
};

/** A running identity provider. The password of every user is the name. */
export type RealProvider = {
  /** Scheme, host and port of the issuer. */
  origin: string;
  /** Registers Holdfast as the product's page in `docs/identity-providers` describes. */
  registerHoldfast(client: HoldfastClient): Promise<void>;
  createUser(user: string, groups: string[]): Promise<void>;
  setGroups(user: string, groups: string[]): Promise<void>;
  disable(user: string): Promise<void>;
  /** The fields of its sign-in and consent forms. */
  formFields(user: string): Record<string, string>;
  /** The number of refresh tokens, or offline sessions, of the user that the provider honours. */
  refreshTokensOf(user: string): Promise<number>;
  /** Permits Holdfast to exchange the tokens of users (RFC 8693) for those of `ProviderProduct.exchange`. */
  prepareExchange?(): Promise<void>;
  /** Makes it issue access tokens for this MCP server to clients that register themselves. */
  prepareDirectMode?(mcpUrl: string): Promise<void>;
  stop(): Promise<void>;
};

/** Sign-in and consent are a page each at some providers, and two pages for name and password at others. */
const MOST_PAGES = 4;

/** Fills in the provider's forms. @returns the page after them; after MOST_PAGES forms the provider has refused the user */
export async function signInAt(
  provider: RealProvider,
  browser: Browser,
  page: Page,
  user: string,
  stopAt: string,
): Promise<Page> {
  let current = page;
  for (
    let pages = 0;
    pages < MOST_PAGES && !current.url.startsWith(stopAt) && current.html.includes('<form');
    pages++
  ) {
    current = await browser.submit(current, provider.formFields(user), stopAt);
  }
  return current;
}
