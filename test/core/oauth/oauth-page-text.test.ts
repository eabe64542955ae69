import { clientSetups } from '../../../lambda/shared/client-setups.ts';
import { everyPage, given } from '../../support/every-page.ts';

/** Marks every text of the file, so that the test finds other text on a page by its missing marks. */
jest.mock('../../../lambda/core/oauth/pages/oauth-page-text.ts', () => {
  const marked = (text: unknown): unknown => {
    if (typeof text === 'string') return `⟦${text}⟧`;
    if (typeof text === 'function') return (...inserted: unknown[]) => marked(text(...inserted));
    return Object.fromEntries(Object.entries(text as object).map(([name, each]) => [name, marked(each)]));
  };
  const { oauthPageText } = jest.requireActual('../../../lambda/core/oauth/pages/oauth-page-text.ts');
  return { oauthPageText: { ...(marked(oauthPageText) as object), language: 'zz-Marked', direction: 'ltr' } };
});

const unescaped = (html: string) =>
  html
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

const technical = [`invalid_request: ${given.errorDescription}`, 'server_error', 'temporarily_unavailable'];

const inserted = [
  given.name,
  given.identityProvider,
  given.account,
  `${given.publicUrl}/mcp`,
  ...given.scopes,
  ...Object.entries(given.targets).flat(),
  ...[`${given.publicUrl}/mcp`, 'http://127.0.0.1:8787/mcp'].flatMap((url) =>
    clientSetups(url, 'zebras-zoos').flatMap((each) => [url, each.client, ...Object.values(each)]),
  ),
  ...technical,
  given.document.url,
  given.domain,
  given.document.reason,
];

/** The readable content: text between tags, and attributes that are shown or spoken. */
function readable(html: string): string[] {
  const body = html.replaceAll(/<(style|script)>.*?<\/\1>/gs, '');
  const attributes = body.matchAll(/\s(?:title|alt|placeholder|aria-[a-z]+|label|summary)="([^"]*)"/g);
  return [
    // An emphasised value does not end its sentence.
    ...body.replaceAll(/(?<=⟦[^⟧]*)<\/?strong>/g, '').split(/<[^>]*>/),
    ...Array.from(attributes, ([, value = '']) => value),
  ]
    .map((text) => unescaped(text).trim())
    .filter(Boolean);
}

const readPages = async () =>
  Promise.all((await everyPage()).map(async ([name, page]) => ({ name, html: await page.text() })));

test('every readable text of every page is in the text file, or is an inserted value', async () => {
  const pages = await readPages();
  const strays = pages.flatMap(({ name, html }) =>
    readable(html)
      .filter((text) => !/^⟦[^⟦⟧]*⟧$/.test(text) && !inserted.includes(text))
      .map((text) => `${name}: ${text}`),
  );
  expect(strays).toEqual([]);
  expect(pages.map(({ html }) => /<html lang="([^"]*)"/.exec(html)?.[1])).toEqual(pages.map(() => 'zz-Marked'));
});

test('inserted values never become markup', async () => {
  for (const { html } of await readPages()) expect(html).not.toMatch(/<Client>|& zoos|<zebra>/);
});
