import { pageLanguages } from '../../../lambda/core/oauth/pages/languages/page-languages.ts';
import { oauthPageText } from '../../../lambda/core/oauth/pages/oauth-page-text.ts';
import { pageTexts } from '../../../lambda/core/oauth/pages/page-language.ts';
import { everyPage } from '../../support/every-page.ts';

const load = jest.fn(async () => pageLanguages);

async function languageFor(acceptLanguage?: string, query = ''): Promise<string> {
  const headers: Record<string, string> = acceptLanguage === undefined ? {} : { 'accept-language': acceptLanguage };
  return (await pageTexts(load)(new Request(`https://mcp.example/authorize${query}`, { headers }))).language;
}

test.each<[string | undefined, string]>([
  [undefined, 'en'],
  ['', 'en'],
  ['*', 'en'],
  ['de', 'de'],
  ['de-CH, en;q=0.5', 'de'],
  ['nl, fr-CA;q=0.8, en;q=0.7', 'fr'],
  ['en;q=0.5, ja;q=0.9', 'ja'],
  ['en-GB, es;q=0.9', 'en'],
  ['PT-br', 'pt'],
  ['es;q=0, de;q=0.1', 'de'],
  ['de;q=x, fr', 'fr'],
  ['constructor, __proto__, x'.repeat(100), 'en'],
])('the languages %j of a browser select %s', async (header, language) => {
  expect(await languageFor(header)).toBe(language);
});

test.each([
  ['fr', 'fr'],
  ['nl es en', 'es'],
  ['en', 'en'],
  ['nl', 'de'],
])('the ui_locales %j of a client precede the languages of the browser', async (locales, language) => {
  expect(await languageFor('de', `?ui_locales=${encodeURIComponent(locales)}`)).toBe(language);
});

test('an English page loads no translation', async () => {
  load.mockClear();
  await languageFor('en-US,en;q=0.9,de;q=0.8');
  expect(load).not.toHaveBeenCalled();
});

/** The texts of a language by their place in it; functions with an inserted value. */
function textsIn(node: unknown, path = ''): [string, string][] {
  if (typeof node === 'string') return [[path, node]];
  if (typeof node === 'function') {
    const isOfScopes = path.endsWith('upstreamScopesOf');
    const inserted = isOfScopes
      ? ['openid', 'email']
      : path.endsWith('lifetimeOf')
        ? { idleDays: 30, absoluteDays: 90 }
        : 'X';
    return [[path, node(inserted)]];
  }
  return Object.entries(node as object).flatMap(([name, each]) => textsIn(each, `${path}.${name}`));
}

const english = new Map(textsIn(oauthPageText));

/** Words that a language shares with English. */
const shared: Record<string, string[]> = {
  de: [],
  es: [],
  fr: [],
  ja: [],
  pt: [],
};

describe.each(Object.entries(pageLanguages))('the texts in %s', (language, text) => {
  test('leave nothing in English, and keep every inserted value', () => {
    const texts = textsIn(text);
    expect(texts.map(([path]) => path).sort()).toEqual([...english.keys()].sort());
    const same = texts.filter(([path, each]) => each === english.get(path)).map(([, each]) => each);
    expect(same).toEqual(['ltr', ...shared[language]!]);
    expect(texts.filter(([path, each]) => english.get(path)!.includes('X') && !each.includes('X'))).toEqual([]);
  });

  test('are those of every page, in its lang and dir', async () => {
    for (const [name, page] of await everyPage(text)) {
      const html = await page.text();
      expect([name, /<html ([^>]*)>/.exec(html)?.[1]]).toEqual([name, `lang="${language}" dir="ltr"`]);
      for (const each of [oauthPageText.detail, oauthPageText.consent.approve, oauthPageText.server.heading]) {
        expect([name, each, html.includes(`>${each}<`)]).toEqual([name, each, false]);
      }
    }
  });
});

test('a right-to-left page isolates the name of the client', async () => {
  const pages = await everyPage({ ...oauthPageText, language: 'ar', direction: 'rtl' });
  const [, consent] = pages.find(([name]) => name.startsWith('consent'))!;
  const html = await consent.text();
  expect(html).toContain('<html lang="ar" dir="rtl">');
  expect(html).toContain('<h1>Connect <bdi>“Zebra &lt;Client&gt;');
  expect(html).not.toMatch(/(margin|padding|border)-(left|right)|[^-](left|right):/);
});
