import { everyPage, fullestConsent } from '../../support/every-page.ts';

/** The words that a user reads before the fold is opened. */
function wordsAtOnce(html: string): string[] {
  const body = html.replace(/^.*<main>/s, '').replace(/<details>.*<\/details>/s, '');
  return body
    .replace(/<[^>]*>/g, ' ')
    .split(/\s+/)
    .filter(Boolean);
}

test('the consent page shows at most 90 words at once', async () => {
  const pages = (await everyPage()).filter(([name]) => name.startsWith('consent'));
  expect(pages.length).toBeGreaterThan(9);
  for (const page of [await fullestConsent(), ...pages.map(([, each]) => each)]) {
    const html = await page.text();
    expect(html.match(/<details>/g)).toHaveLength(1);
    expect(wordsAtOnce(html).length).toBeLessThanOrEqual(90);
  }
});

test('the consent page shows server, client, its identity, host, permissions, provider and account at once', async () => {
  const shown = wordsAtOnce(await (await fullestConsent()).text()).join(' ');
  expect(shown).toContain('Zebras &amp; &lt;Zoos&gt;');
  expect(shown).toContain('Connect “Zebra Assistant for the Whole Team, wit…”?');
  expect(shown).toContain('Its name has not been verified.');
  expect(shown).toContain('After sign-in you return to 127.0.0.1 a program on this computer');
  expect(shown).toContain('Write and delete your zebra notes');
  expect(shown).toContain('You sign in with Amazon Cognito as zoe@&lt;zebra&gt;.example');
});
