import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import { OAuthClient, redirectUri as plainRedirectUri, type Tokens } from '../../bench/harness/raw-oauth-client.ts';
import { pageLanguages } from '../../lambda/core/oauth/pages/languages/page-languages.ts';
import { oauthPageText, type PageProblem } from '../../lambda/core/oauth/pages/oauth-page-text.ts';
import * as plain from '../../local/testing/form-browser.ts';
import { launchChromium } from '../support/chromium.ts';
import { everyPage, fullestConsent } from '../support/every-page.ts';
import { TestCloud } from '../support/test-cloud.ts';

jest.setTimeout(60_000);

/** The folder for screenshots, if the variable PICTURES is set. */
const screenshots = process.env.PICTURES;

const screens: [string, BrowserContextOptions][] = [
  ['phone-light', { viewport: { width: 360, height: 740 }, colorScheme: 'light' }],
  ['phone-dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }],
  ['desktop-light', { viewport: { width: 1280, height: 800 }, colorScheme: 'light' }],
  ['desktop-dark', { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' }],
];

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** The violations that the page's axe reports (WCAG 2.2 AA and its best practices), with their elements. */
async function axeViolations(page: Page): Promise<string[]> {
  return page.evaluate(
    'axe.run({ resultTypes: ["violations", "incomplete"] }).then(({ violations, incomplete }) => [...violations, ...incomplete].flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html)))',
  );
}

const name = 'Acme Notes';
/** With a script and a resource of another host. */
const icon = 'test/support/hostile-icon.svg';

let emulator: TestCloud;
beforeAll(async () => {
  const context = `"name": ${JSON.stringify(name)}, "icon": ${JSON.stringify(icon)}`;
  emulator = await TestCloud.start({ edits: [['cdk.json', '"context": {', `"context": { ${context},`]] });
  emulator.expectFailures('client_document_failed');
});
afterAll(() => emulator?.stop());

describe('in a real browser', () => {
  let browser: Browser;
  let client: Server;
  let redirectUri: string;
  let arrived: (url: URL) => void;

  beforeAll(async () => {
    browser = await launchChromium();
    client = createServer((request, response) => {
      arrived(new URL(request.url!, redirectUri));
      response.end('Signed in: you may close this window.');
    });
    await new Promise<void>((resolve) => client.listen(0, '127.0.0.1', resolve));
    redirectUri = `http://127.0.0.1:${(client.address() as AddressInfo).port}/callback`;
  });
  afterAll(async () => {
    await browser.close();
    client.close();
  });

  async function screenshot(page: Page, name: string): Promise<void> {
    if (!screenshots) return;
    mkdirSync(screenshots, { recursive: true });
    await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });
  }

  test.each(screens)('a user signs in, with no resources of other origins (%s)', async (name, screen) => {
    const assistant = await OAuthClient.register(emulator.origin, { client_name: 'Claude Code' });
    const context = await browser.newContext(screen);
    const page = await context.newPage();
    const requested = new Set<string>();
    const messages: string[] = [];
    page.on('request', (request) => requested.add(new URL(request.url()).hostname));
    page.on('console', (message) => messages.push(message.text()));

    await page.goto(assistant.authorizationUrl({ redirect_uri: redirectUri }));
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Connect “Claude Code”?');
    await showsBranding(page.locator('header'));
    await page.getByText('Details', { exact: true }).click();
    expect(await page.getByText(redirectUri, { exact: true }).isVisible()).toBe(true);
    expect(await page.getByText('This server requests your user ID').isVisible()).toBe(true);
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    await page.getByText('Details', { exact: true }).click();
    await screenshot(page, `consent-${name}`);
    await page.getByRole('button', { name: 'Approve' }).click();

    await page.getByLabel(/user/i).fill('ada');
    await page.getByLabel(/password/i).fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByLabel(/password/i).waitFor();
    await screenshot(page, `sign-in-refused-${name}`);
    await page.getByLabel(/user/i).fill('ada');
    await page.getByLabel(/password/i).fill('ada');
    const back = new Promise<URL>((resolve) => {
      arrived = resolve;
    });
    await page.keyboard.press('Enter');
    const answer = (await back).searchParams;
    expect([answer.get('state'), answer.get('iss')]).toEqual(['the-state', emulator.origin]);

    const redeemed = await assistant.redeem(answer.get('code')!, { redirect_uri: redirectUri });
    expect(((await redeemed.json()) as Tokens).scope).toBe('mcp');
    expect(Array.from(requested).sort()).toEqual(['127.0.0.1', 'localhost']);
    // For the wrong password. The Content Security Policy causes no message.
    expect(messages).toEqual([expect.stringContaining('401')]);
    await context.close();
  });

  /** The icon is drawn from the page itself. That its script and its resources are ignored shows in messages and requests. */
  async function showsBranding(header: Locator): Promise<void> {
    expect(await header.getByText(name, { exact: true }).isVisible()).toBe(true);
    const image = header.locator('img');
    expect(await image.getAttribute('src')).toBe(
      `data:image/svg+xml;base64,${readFileSync(join(projectRoot, icon), 'base64')}`,
    );
    // Rejects unless the browser shows it.
    await image.evaluate((element) => (element as unknown as { decode(): Promise<void> }).decode());
  }

  test.each(screens)('the dashboard has the name and the icon of the server (%s)', async (screenName, screen) => {
    const context = await browser.newContext(screen);
    const page = await context.newPage();
    const requested = new Set<string>();
    const messages: string[] = [];
    page.on('request', (request) => requested.add(new URL(request.url()).hostname));
    page.on('console', (message) => messages.push(message.text()));
    await page.goto(`${emulator.origin}/dashboard`);
    await page.getByRole('link', { name: /Sign in/ }).click();
    await page.getByLabel(/user/i).fill('ada');
    await page.getByLabel(/password/i).fill('ada');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await showsBranding(page.locator('header'));
    expect(await page.title()).toMatch(/ · Acme Notes$/);
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    expect([...requested].sort()).toEqual(['127.0.0.1', 'localhost']);
    // Before the sign-in, requests of the page are rejected.
    expect(messages.filter((message) => !message.includes('401'))).toEqual([]);
    await screenshot(page, `dashboard-${screenName}`);
    await context.close();
  });

  /** Opens the page at an https address. */
  async function serve(page: Page, answer: Response): Promise<void> {
    const { status, headers } = answer;
    const served = { status, headers: Object.fromEntries(headers), body: await answer.text() };
    await page.route('https://mcp.zebra.example/**', (route) => route.fulfill(served));
    await page.goto('https://mcp.zebra.example/');
    await page.unroute('https://mcp.zebra.example/**');
  }

  test.each([
    [390, 844],
    [1280, 720],
  ])('the fullest consent page shows both buttons without scrolling at %d×%d pixels', async (width, height) => {
    const page = await browser.newPage({ viewport: { width, height } });
    await serve(page, await fullestConsent());
    for (const name of ['Approve', 'Deny']) {
      const box = (await page.getByRole('button', { name }).boundingBox())!;
      expect(box.y).toBeGreaterThan(0);
      expect(box.y + box.height).toBeLessThanOrEqual(height);
    }
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBe(height);
    await screenshot(page, `consent-fullest-${width}`);
    await page.close();
  });

  test.each(Object.entries(pageLanguages))('the fullest consent page fits a phone in %s', async (language, text) => {
    const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
    await serve(page, await fullestConsent(text));
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBe(844);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    await screenshot(page, `consent-fullest-${language}`);
    await page.close();
  });

  test('the consent page works by keyboard', async () => {
    const assistant = await OAuthClient.register(emulator.origin, { client_name: 'Codex' });
    const page = await browser.newPage();
    await page.goto(assistant.authorizationUrl({ redirect_uri: redirectUri }));
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
    const back = new Promise<URL>((resolve) => {
      arrived = resolve;
    });
    await page.keyboard.press('Enter');
    expect((await back).searchParams.get('error')).toBe('access_denied');
    await page.close();
  });

  test('the MCP endpoint in a browser shows the page of the server, whose buttons copy', async () => {
    const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
    const page = await context.newPage();
    const messages: string[] = [];
    page.on('console', (message) => messages.push(message.text()));
    await page.goto(`${emulator.origin}/mcp`);
    await page.waitForURL(`${emulator.origin}/`);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Connect your assistant');
    await showsBranding(page.locator('header'));
    await page.getByText('Codex', { exact: true }).click();
    const copy = page.locator('details[open]').getByRole('button', { name: 'Copy' });
    await copy.click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate('navigator.clipboard.readText()');
    expect(copied).toBe(`codex mcp add acme-notes --url ${emulator.origin}/mcp`);
    // For the response of the MCP endpoint. The Content Security Policy causes no message.
    expect(messages).toEqual([expect.stringContaining('401')]);
    await screenshot(page, 'server');
    await page.getByRole('link', { name: 'Open the dashboard' }).click();
    await page.waitForURL(/dashboard/);
    await context.close();
  });

  test('a foreign redirect URI shows an error page without a redirect', async () => {
    const assistant = await OAuthClient.register(emulator.origin);
    const page = await browser.newPage();
    await page.goto(assistant.authorizationUrl({ redirect_uri: 'https://evil.example/' }));
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(
      oauthPageText.problems['redirect-mismatch'].heading,
    );
    expect(new URL(page.url()).origin).toBe(emulator.origin);
    await screenshot(page, 'error');
    await page.close();
  });

  test('every page is accessible and fits 320 pixels, light and dark', async () => {
    // The narrowest width of WCAG 2.2 (1.4.10): 1280 pixels at 400 %.
    const page = await browser.newPage({ viewport: { width: 320, height: 640 } });
    for (const [name, answer] of await everyPage()) {
      await serve(page, answer);
      await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true");
      await page.evaluate(axe);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        expect([name, colorScheme, await axeViolations(page)]).toEqual([name, colorScheme, []]);
        const fits = await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth');
        expect([name, colorScheme, fits]).toEqual([name, colorScheme, true]);
        await screenshot(page, `${name.replaceAll(/\W+/g, '-')}-320-${colorScheme}`);
      }
    }
    await page.close();
  });
});

describe('an error page explains', () => {
  const { Browser, formOf } = plain;
  const client = () => OAuthClient.register(emulator.origin);

  async function openConsentPage() {
    const browser = new Browser();
    return { browser, page: await browser.open((await client()).authorizationUrl(), plainRedirectUri) };
  }

  /** A browser that has approved and signed in, and the callback URL that it is redirected to. */
  async function signInToCallback() {
    const { browser, page } = await openConsentPage();
    const signIn = await browser.submit(page, { answer: 'approve' });
    const callback = `${emulator.origin}/callback`;
    const { url } = await browser.submit(signIn, { username: 'ada', password: 'ada' }, callback);
    return { browser, url };
  }

  async function send(url: string, init: RequestInit): Promise<plain.Page> {
    const answer = await fetch(url, { ...init, redirect: 'manual' });
    return { url, status: answer.status, headers: answer.headers, html: await answer.text() };
  }

  async function approvalRequest(headers: Record<string, string> = {}) {
    const { browser, page } = await openConsentPage();
    const body = new URLSearchParams({ ...formOf(page).fields, answer: 'approve' });
    const cookie = browser.cookieHeader(emulator.origin);
    return [formOf(page).action, { method: 'POST', headers: { cookie, ...headers }, body }] as const;
  }

  /** Pages that other tests cover: `outage`, `surface`, `client-documents` and `misconfigured-provider`. */
  type Elsewhere = 'unavailable' | 'server-error' | 'delayed-client' | 'misconfigured' | 'sign-in-denied';

  /** How a user reaches each page. */
  const routes: Record<Exclude<PageProblem, Elsewhere>, () => Promise<plain.Page>> = {
    'unknown-client': async () => new Browser().open((await client()).authorizationUrl({ client_id: 'dcr_unknown' })),
    'unusable-client': async () =>
      new Browser().open((await client()).authorizationUrl({ client_id: 'https://127.0.0.1/client.json' })),
    // RFC 6761 §6.4: no such name exists.
    'unreachable-client': async () =>
      new Browser().open((await client()).authorizationUrl({ client_id: 'https://nowhere.invalid/client.json' })),
    'redirect-mismatch': async () =>
      new Browser().open((await client()).authorizationUrl({ redirect_uri: 'https://evil.example/' })),
    malformed: async () => new Browser().open((await client()).authorizationUrl({ client_id: undefined })),
    'answer-missing': async () => {
      const { browser, page } = await openConsentPage();
      return browser.submit(page, {});
    },
    'cross-origin': async () => send(...(await approvalRequest({ origin: 'https://evil.example' }))),
    'request-closed': async () => {
      const [url, init] = await approvalRequest();
      await send(url, init);
      const body = new URLSearchParams(init.body);
      body.set('answer', 'deny');
      return send(url, { ...init, body });
    },
    'request-elsewhere': async () => new Browser().submit((await openConsentPage()).page, { answer: 'approve' }),
    'sign-in-closed': async () => {
      const { browser, url } = await signInToCallback();
      const ofAnother = browser.cookieHeader(emulator.origin).replaceAll(/=[\w-]{43}/g, `=${'x'.repeat(43)}`);
      return send(url, { headers: { cookie: ofAnother } });
    },
    'sign-in-elsewhere': async () => new Browser().open((await signInToCallback()).url),
  };

  test.each(Object.keys(routes) as (keyof typeof routes)[])('%s', async (problem) => {
    const { status, html } = await routes[problem]();
    const { heading, happened, next } = oauthPageText.problems[problem];
    expect([400, 403]).toContain(status);
    for (const text of [heading, happened, next]) expect(html).toContain(text);
  });

  test('a form URL that is opened with GET', async () => {
    const { status, headers, html } = await new Browser().open(`${emulator.origin}/consent`);
    expect([status, headers.get('allow')]).toEqual([405, 'POST']);
    expect(html).toContain(oauthPageText.problems.malformed.next);
  });
});
