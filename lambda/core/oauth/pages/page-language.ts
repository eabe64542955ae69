import { type OAuthPageText, oauthPageText } from './oauth-page-text.ts';

/** The languages of pages beside English, by their primary subtags (BCP 47). */
const translations = ['de', 'es', 'fr', 'ja', 'pt'] as const;

type Translation = (typeof translations)[number];

export type TranslatedTexts = Record<Translation, OAuthPageText>;

/** Longest list of languages that is read. */
const LONGEST_LIST = 500;

/**
 * The text of pages in the language that the client asks for (`ui_locales`, OIDC Core §3.1.2.1), or else the browser
 * (`Accept-Language`, RFC 9110 §12.5.4), or else in English.
 *
 * @param load loads the translations at their first use
 */
export const pageTexts =
  (load: () => Promise<TranslatedTexts>) =>
  async (request: Request): Promise<OAuthPageText> => {
    const language = languageOf(request);
    return language === 'en' ? oauthPageText : (await load())[language];
  };

function languageOf(request: Request): Translation | 'en' {
  const requested = request.method === 'GET' ? new URL(request.url).searchParams.get('ui_locales') : null;
  const preferred = [
    ...(requested ?? '').slice(0, LONGEST_LIST).split(' '),
    ...acceptedLanguages(request.headers.get('accept-language') ?? ''),
  ];
  for (const tag of preferred) {
    const primary = tag.split('-')[0]!.toLowerCase();
    if (primary === 'en') return 'en';
    const translation = translations.find((each) => each === primary);
    if (translation !== undefined) return translation;
  }
  return 'en';
}

/** The tags of the header, those with the highest weight first. */
const acceptedLanguages = (header: string): string[] =>
  header
    .slice(0, LONGEST_LIST)
    .split(',')
    .map((range) => {
      const [tag = '', ...parameters] = range.split(';').map((part) => part.trim());
      const weight = parameters.find((each) => each.startsWith('q='));
      return { tag, weight: weight === undefined ? 1 : Number(weight.slice(2)) };
    })
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight)
    .map(({ tag }) => tag);
