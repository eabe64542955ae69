import { existsSync, mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { Desk } from './desk.ts';
import { OAuthClient, type Tokens } from './oauth-client.ts';

jest.setTimeout(60_000);

/** Chromium is found where Debian and most others put it; name another place in CHROMIUM. CI must have it. */
const executable = [process.env.CHROMIUM ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find(existsSync);
const withChromium = executable || process.env.CI ? describe : describe.skip;

/** Where the pictures go, for whoever wants to look: PICTURES names the folder. */
const pictures = process.env.PICTURES;

const screens: [string, BrowserContextOptions][] = [
  ['phone-light', { viewport: { width: 375, height: 740 }, colorScheme: 'light' }],
  ['phone-dark', { viewport: { width: 375, height: 740 }, colorScheme: 'dark' }],
  ['desktop-light', { viewport: { width: 1280, height: 800 }, colorScheme: 'light' }],
  ['desktop-dark', { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' }],
];

withChromium('in a real browser', () => {
  let desk: Desk;
  let browser: Browser;
  let client: Server;
  let redirectUri: string;
  let arrived: (url: URL) => void;

  beforeAll(async () => {
    desk = await Desk.start();
    browser = await chromium.launch({
      executablePath: executable!,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    });
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
    await desk.stop();
  });

  async function picture(page: Page, name: string): Promise<void> {
    if (!pictures) return;
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  }

  test.each(screens)('a person signs in, with nothing loaded from elsewhere (%s)', async (name, screen) => {
    const assistant = await OAuthClient.register(desk.origin, { client_name: 'Claude Code' });
    const context = await browser.newContext(screen);
    const page = await context.newPage();
    const requested = new Set<string>();
    const complaints: string[] = [];
    page.on('request', (request) => requested.add(new URL(request.url()).hostname));
    page.on('console', (message) => complaints.push(message.text()));

    await page.goto(assistant.authorizationUrl({ redirect_uri: redirectUri }));
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Connect Claude Code?');
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    await picture(page, `consent-${name}`);
    await page.getByRole('button', { name: 'Approve' }).click();

    await page.getByLabel(/user/i).fill('ada');
    await page.getByLabel(/password/i).fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByLabel(/password/i).waitFor();
    await picture(page, `sign-in-refused-${name}`);
    await page.getByLabel(/user/i).fill('ada');
    await page.getByLabel(/password/i).fill('ada');
    const back = new Promise<URL>((resolve) => {
      arrived = resolve;
    });
    await page.keyboard.press('Enter');
    const answer = (await back).searchParams;
    expect([answer.get('state'), answer.get('iss')]).toEqual(['the-state', desk.origin]);

    const redeemed = await assistant.redeem(answer.get('code')!, { redirect_uri: redirectUri });
    expect(((await redeemed.json()) as Tokens).scope).toBe('mcp');
    expect(Array.from(requested).sort()).toEqual(['127.0.0.1', 'localhost']);
    expect(complaints).toEqual([expect.stringContaining('401')]); // the wrong password, and nothing of the policy's
    await context.close();
  });

  test('the question is answered with the keyboard alone', async () => {
    const assistant = await OAuthClient.register(desk.origin, { client_name: 'Codex' });
    const page = await browser.newPage();
    await page.goto(assistant.authorizationUrl({ redirect_uri: redirectUri }));
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    const back = new Promise<URL>((resolve) => {
      arrived = resolve;
    });
    await page.keyboard.press('Enter');
    expect((await back).searchParams.get('error')).toBe('access_denied');
    await page.close();
  });

  test('a request that cannot be trusted is explained, and goes nowhere', async () => {
    const assistant = await OAuthClient.register(desk.origin);
    const page = await browser.newPage();
    await page.goto(assistant.authorizationUrl({ redirect_uri: 'https://evil.example/' }));
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('This did not work');
    expect(new URL(page.url()).origin).toBe(desk.origin);
    await picture(page, 'error');
    await page.close();
  });
});
