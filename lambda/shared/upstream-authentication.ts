/** How Holdfast authenticates to the identity provider (OIDC Core §9). `none`: a public client, with PKCE only. */
export const clientAuthenticationMethods = [
  'client_secret_post',
  'client_secret_basic',
  'private_key_jwt',
  'none',
] as const;

export type ClientAuthenticationMethod = (typeof clientAuthenticationMethods)[number];
