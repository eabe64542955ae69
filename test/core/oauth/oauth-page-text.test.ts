import { everyPage, given } from '../../support/every-page.ts';

/** The pages in a language in which every text stands between marks, so that a word from anywhere else stands out. */
jest.mock('../../../lambda/core/oauth/pages/oauth-page-text.ts', () => {
  const marked = (text: unknown): unknown => {
    if (typeof text === 'string') return `⟦${text}⟧`;
    if (typeof text === 'function') return (...filledIn: unknown[]) => marked(text(...filledIn));
    return Object.fromEntries(Object.entries(text as object).map(([name, each]) => [name, marked(each)]));
  };
  const { oauthPageText } = jest.requireActual('../../../lambda/core/oauth/pages/oauth-page-text.ts');
  return { oauthPageText: { ...(marked(oauthPageText) as object), language: 'zz-Marked' } };
});

const unescaped = (html: string) =>
  html
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

const technical = ['invalid_request: zebra_uri is striped', 'server_error', 'temporarily_unavailable'];

const theirs = [
  given.identityProvider,
  `${given.publicUrl}/mcp`,
  ...given.scopes,
  ...Object.entries(given.targets).flat(),
  ...technical,
];

/** What is read or read out: text between tags, and attributes that are shown or spoken. */
function readable(html: string): string[] {
  const body = html.replace(/<style>.*?<\/style>/s, '');
  const attributes = body.matchAll(/\s(?:title|alt|placeholder|aria-[a-z]+|label|summary)="([^"]*)"/g);
  return [
    // An emphasised word does not interrupt its sentence.
    ...body.replaceAll(/(?<=⟦[^⟧]*)<\/?strong>/g, '').split(/<[^>]*>/),
    ...Array.from(attributes, ([, value = '']) => value),
  ]
    .map((text) => unescaped(text).trim())
    .filter(Boolean);
}

const read = async () =>
  Promise.all((await everyPage()).map(async ([name, page]) => ({ name, html: await page.text() })));

test('every word on every page is one of the texts, or was said by somebody else', async () => {
  const pages = await read();
  const strange = pages.flatMap(({ name, html }) =>
    readable(html)
      .filter((text) => !/^⟦[^⟦⟧]*⟧$/.test(text) && !theirs.includes(text))
      .map((text) => `${name}: ${text}`),
  );
  expect(strange).toEqual([]);
  expect(pages.map(({ html }) => /<html lang="([^"]*)"/.exec(html)?.[1])).toEqual(pages.map(() => 'zz-Marked'));
});

test('nothing that is filled in becomes markup', async () => {
  for (const { html } of await read()) expect(html).not.toMatch(/<Client>|& zoos/);
});
