import type { TranslatedTexts } from '../page-language.ts';
import { frenchPageText } from './french-page-text.ts';
import { germanPageText } from './german-page-text.ts';
import { japanesePageText } from './japanese-page-text.ts';
import { portuguesePageText } from './portuguese-page-text.ts';
import { spanishPageText } from './spanish-page-text.ts';

/** Beside the bundle of a function, which loads it for the first page in another language than English. */
export const pageLanguages: TranslatedTexts = {
  de: germanPageText,
  es: spanishPageText,
  fr: frenchPageText,
  ja: japanesePageText,
  pt: portuguesePageText,
};
