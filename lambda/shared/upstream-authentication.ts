/** How Holdfast authenticates to the identity provider (OIDC Core §9). `none`: a public client, with PKCE only. */
export const clientAuthenticationMethods = [
  'client_secret_post',
  'client_secret_basic',
  'private_key_jwt',
  'none',
] as const;

/**
 * How a token is exchanged for one for another API: RFC 8693, the same without `requested_token_type`, or the on-behalf-of flow
 * of Microsoft Entra (RFC 7523 with `requested_token_use`).
 */
export const exchangeForms = ['token-exchange', 'untyped-token-exchange', 'on-behalf-of'] as const;

export type ExchangeForm = (typeof exchangeForms)[number];

/** The audience of an assertion of `private_key_jwt`: the issuer, or the URL of the endpoint that it is sent to. */
export const assertionAudiences = ['issuer', 'endpoint'] as const;

export type AssertionAudience = (typeof assertionAudiences)[number];

export type ClientAuthenticationMethod = (typeof clientAuthenticationMethods)[number];
