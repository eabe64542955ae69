import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TranslatedTexts } from '../core/oauth/pages/page-language.ts';

/** The translations in a file beside the function's bundle (`lib/bundle/function-bundle.ts`). */
export const pageLanguagesIn = (folder: string) => async (): Promise<TranslatedTexts> => {
  const { pageLanguages } = await import(pathToFileURL(join(folder, 'page-languages.mjs')).href);
  return pageLanguages;
};
