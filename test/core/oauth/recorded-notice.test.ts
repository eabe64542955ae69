import { everyPage } from '../../support/every-page.ts';

/** What the consent page tells users of the record, by what the owner has chosen to record. */

const pages = async () =>
  new Map(await Promise.all((await everyPage()).map(async ([name, page]) => [name, await page.text()] as const)));

test('every user is told that calls are on record, and that answers are not', async () => {
  const consents = [...(await pages())].filter(([name]) => name.startsWith('consent'));
  expect(consents.length).toBeGreaterThan(3);
  for (const [, html] of consents) {
    expect(html).toMatch(/which of the server’s tools it calls, when, and with what outcome/);
    expect(html).toMatch(/what it is answered is not recorded/i);
  }
});

test('a user is told when something of the arguments is recorded, and only then', async () => {
  for (const [name, html] of await pages()) {
    if (!name.startsWith('consent')) continue;
    const chosen = /recorded: (\w+)$/.exec(name)?.[1];
    expect([name, html.includes('What it asks and what it is answered is not recorded')]).toEqual([name, !chosen]);
    expect([name, html.includes('as a digest')]).toEqual([name, chosen === 'digest']);
    expect([name, html.includes('the owner can see the form')]).toEqual([name, chosen === 'redacted']);
  }
});

test('a user is told when the owner sees who they are, and only then', async () => {
  for (const [name, html] of await pages()) {
    if (!name.startsWith('consent')) continue;
    const shown = /users are shown: (\w+)$/.exec(name)?.[1];
    expect([name, html.includes('also sees your name')]).toEqual([name, shown === 'name']);
    expect([name, html.includes('also sees your e-mail address')]).toEqual([name, shown === 'email']);
  }
});
