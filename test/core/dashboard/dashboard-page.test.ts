import { page } from '../../../lambda/core/dashboard/dashboard-page.ts';

const file = { path: '/dashboard/file', contentType: 'text/plain', content: '' };
const pageOf = (branding: { name?: string | undefined; icon?: string | undefined }) =>
  page({ branding, page: { script: file, style: file } });

test('the title of the dashboard is the escaped name of the server', async () => {
  expect(await pageOf({ name: 'Acme </title><script>' }).text()).toContain(
    '<title>Acme &lt;/title&gt;&lt;script&gt;</title>',
  );
});

test('the dashboard permits images from the page itself where the server has an icon, and else of its origin', () => {
  const sources = (icon: string | undefined) =>
    /img-src ([^;]*)/.exec(pageOf({ icon }).headers.get('content-security-policy')!)?.[1];
  expect([sources('data:image/png;base64,AAAA'), sources(undefined)]).toEqual(['data:', "'self'"]);
});

test('the dashboard of a server without a name is titled Holdfast and has no icon', async () => {
  const html = await pageOf({}).text();
  expect(html).toContain('<title>Holdfast</title>');
  expect(html).not.toContain('rel="icon"');
});

test('the dashboard loads and connects to its origin alone, and no page frames it', () => {
  expect(Object.fromEntries(pageOf({}).headers)).toEqual({
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy':
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src 'self'",
    'x-frame-options': 'DENY',
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  });
});
