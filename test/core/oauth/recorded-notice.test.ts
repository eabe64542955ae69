import { everyPage } from '../../support/every-page.ts';

/** The notice of the consent page about the audit log, by the operator's settings. */

async function consentPages(): Promise<[string, string][]> {
  const pages = await Promise.all((await everyPage()).map(async ([name, page]) => [name, await page.text()] as const));
  return pages.filter(([name]) => name.startsWith('consent')).map(([name, html]) => [name, html]);
}

test('every consent page says that tool calls are recorded and responses are not', async () => {
  const pages = await consentPages();
  expect(pages.length).toBeGreaterThan(3);
  for (const [, html] of pages) {
    expect(html).toMatch(/which of the server’s tools it calls, when, and with what outcome/);
    expect(html).toMatch(/responses are not recorded/i);
  }
});

test('the consent page says what is recorded of arguments, exactly where something is', async () => {
  for (const [name, html] of await consentPages()) {
    const setting = /recorded: (\w+)$/.exec(name)?.[1];
    expect([name, html.includes('The contents of requests and responses are not recorded')]).toEqual([name, !setting]);
    expect([name, html.includes('as a digest')]).toEqual([name, setting === 'digest']);
    expect([name, html.includes('the operator can see the form')]).toEqual([name, setting === 'redacted']);
  }
});

test('the consent page says whether an error of a tool is recorded, or in a log alone', async () => {
  for (const [name, html] of await consentPages()) {
    const isKept = name.endsWith('errors are kept');
    expect([name, html.includes('its error, which is recorded and may quote')]).toEqual([name, isKept]);
    expect([name, html.includes('its error in a log, which may quote')]).toEqual([name, !isKept]);
  }
});

test('the consent page says that the operator sees names, exactly where they are shown', async () => {
  for (const [name, html] of await consentPages()) {
    const setting = /users are shown: (\w+)$/.exec(name)?.[1];
    expect([name, html.includes('also sees your name')]).toEqual([name, setting === 'name']);
    expect([name, html.includes('also sees your e-mail address')]).toEqual([name, setting === 'email']);
  }
});

test('the consent page says that prompts and resources are recorded, exactly where they are', async () => {
  for (const [name, html] of await consentPages()) {
    const isKept = name.endsWith('prompts and resources are recorded');
    expect([name, html.includes('which of the server’s prompts and resources the app reads')]).toEqual([name, isKept]);
  }
});
