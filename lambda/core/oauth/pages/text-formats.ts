/** A number of days, such as `30 days`. */
export const daysIn = (language: string, count: number): string =>
  new Intl.NumberFormat(language, { style: 'unit', unit: 'day', unitDisplay: 'long' }).format(count);

/**
 * The scopes of the identity provider as a list in the language.
 *
 * @param descriptions of the scopes of OpenID Connect Core §5.4 and §11; an unknown scope is listed by its name
 */
export const scopesIn = (language: string, scopes: readonly string[], descriptions: UpstreamScopeTexts): string =>
  new Intl.ListFormat(language, { type: 'unit' }).format(
    scopes.map((scope) =>
      Object.hasOwn(descriptions, scope) ? descriptions[scope as keyof UpstreamScopeTexts] : scope,
    ),
  );

export type UpstreamScopeTexts = Record<'openid' | 'profile' | 'email' | 'offline_access', string>;
