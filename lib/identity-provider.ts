/** The identity provider that users sign in with, as an OIDC client of it needs to know it. */
export interface IdentityProvider {
  /** The `iss` of its id tokens. Its discovery document is found below it. */
  readonly issuer: string;
  readonly clientId: string;
  /**
   * ARN of the Secrets Manager secret that holds the client secret as plain text.
   * @default - a public client, which proves itself by PKCE alone
   */
  readonly clientSecretArn?: string;
  /**
   * What to ask the provider for. Some providers hand out a refresh token only for `offline_access`.
   * @default ['openid', 'profile', 'email']
   */
  readonly scopes?: string[];
  /**
   * How the consent page names the provider.
   * @default - the host of the issuer
   */
  readonly name?: string;
}

export const defaultIdentityScopes = ['openid', 'profile', 'email'];
