/** How Holdfast authenticates to the identity provider (OIDC Core §9). `none`: a public client, with PKCE only. */
export const clientAuthenticationMethods = [
  'client_secret_post',
  'client_secret_basic',
  'private_key_jwt',
  'none',
] as const;

/** The audience of an assertion of `private_key_jwt`: the issuer, or the URL of the endpoint that it is sent to. */
export const assertionAudiences = ['issuer', 'endpoint'] as const;

export type AssertionAudience = (typeof assertionAudiences)[number];

export type ClientAuthenticationMethod = (typeof clientAuthenticationMethods)[number];
