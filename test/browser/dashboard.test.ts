import { mkdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import type { Browser, BrowserContext, Page, ViewportSize } from 'playwright-core';
import { type Assistant, assistants } from '../../bench/harness/mcp-clients.ts';
import { projectRoot } from '../../bench/harness/project-copy.ts';
import { initialize, OAuthClient, postMcp, redirectUri } from '../../bench/harness/raw-oauth-client.ts';
import type { GrantRow, ResultPage as Listed, SessionRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { demoUsers } from '../../local/cognito/demo-users.ts';
import { DataFolder } from '../../local/data-folder.ts';
import { launchChromium } from '../support/chromium.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { launchFirefox } from '../support/firefox.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { type ConnectedApp, writeWeekOfCalls } from '../support/week-of-calls.ts';

/** The dashboard page in a browser. */

jest.setTimeout(180_000);

/** The folder for screenshots, if the variable PICTURES is set. */
const screenshots = process.env.PICTURES;

/** The folder of the README's screenshots, set by `npm run pictures`. */
const readmePictures = process.env.README_PICTURES;

const sizes = {
  narrow: { width: 320, height: 640 },
  phone: { width: 390, height: 844 },
  tablet: { width: 820, height: 1180 },
  desktop: { width: 1280, height: 900 },
};

/** The sizes at which a view is loaded, each with another one that the loaded page is resized to. */
const loadedAndResized = [
  ['desktop', 'tablet'],
  ['narrow', 'phone'],
] as const;

/** Between the automatic requests of a view, and before the first retry. */
const REFRESH_MILLISECONDS = 5_000;

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** Evaluated and not added as a script, which the page's Content Security Policy blocks. */
const loadAxe = (page: Page) => page.evaluate(axe);

/** The violations that the loaded axe reports (WCAG 2.2 AA and its best practices), with their elements. */
async function axeViolations(page: Page): Promise<string[]> {
  return page.evaluate(
    `axe.run({ resultTypes: ['violations'] }).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)))`,
  );
}

/** A line of the server, and a defect that is added to it. */
const server = 'test/support/fixture-server.ts';
const noteTool = 'async ({ name, text, version, days }) => {';
const defect = "if (name === 'broken') throw new TypeError('The note is broken');";

let emulator: TestCloud;
let browser: Browser;
let adasClient: Assistant;
let alansClient: Assistant;
let session: string;

describe('the dashboard in a real browser', () => {
  beforeAll(async () => {
    emulator = await TestCloud.start({ edits: [[server, noteTool, `${noteTool} ${defect}`]] });
    emulator.expectFailures('tool_failed');
    browser = await launchChromium();
    const apps: ConnectedApp[] = [];
    const programs = [
      ['Claude Code', '2.1.4'],
      ['Cursor', '3.0.1'],
      ['Codex', '0.98.0'],
    ];
    for (const [index, user] of ['ada', 'alan', 'grace'].entries()) {
      const assistant = await assistants[2]![1](emulator.mcpUrl, user);
      await assistant.call('whoami');
      await assistant.call('note', { name: 'diary' });
      if (user === 'ada') adasClient = assistant;
      if (user === 'alan') alansClient = assistant;
      const dashboard = await DashboardClient.signIn(emulator.origin, user);
      const [grant] = (await dashboard.get<Listed<GrantRow>>('grants')).items;
      for (const [clientName, clientVersion] of programs.slice(index)) {
        apps.push({
          user: dashboard.me.user,
          grant: grant!.id,
          client: grant!.client,
          clientName: clientName!,
          clientVersion: clientVersion!,
        });
      }
    }
    await writeWeekOfCalls(emulator.folder, apps);
    const grace = await DashboardClient.signIn(emulator.origin, 'grace');
    session = (await grace.get<Listed<SessionRow>>('sessions')).items.find(({ calls }) => calls > 5)!.id;
  });
  afterAll(async () => {
    await browser?.close();
    await emulator?.stop();
  });

  type Options = NonNullable<Parameters<Browser['newContext']>[0]> & { ownClock?: boolean };

  /** The cookies of each user. */
  const signIns = new Map<string, Awaited<ReturnType<BrowserContext['storageState']>>>();

  /**
   * A page of a user, who signs in when the user's first page is opened.
   *
   * @param options.ownClock the page has a clock that `refresh` moves
   */
  async function signedIn(user: string, at = '/dashboard', { ownClock = false, ...options }: Options = {}) {
    const storageState = signIns.get(user);
    const context = await browser.newContext({ ...options, ...(storageState && { storageState }) });
    if (ownClock) await context.clock.install();
    const page = await context.newPage();
    await page.goto(`${emulator.origin}${at}`);
    if (!storageState) {
      await page.getByRole('link', { name: 'Sign in' }).click();
      await page.getByLabel(/user/i).fill(user);
      await page.getByLabel(/password/i).fill(user);
      await page.keyboard.press('Enter');
    }
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await loaded(page);
    signIns.set(user, await context.storageState());
    return page;
  }

  /** Waits until all requests are answered. @param name the heading to wait for, after a navigation */
  const loaded = async (page: Page, name?: string) => {
    await page.getByRole('heading', { level: 1, ...(name && { name }) }).waitFor();
    await page.locator('[aria-busy=true], .skeleton').first().waitFor({ state: 'detached' });
  };

  /** Moves the page's clock to the next automatic request. */
  const refresh = (page: Page) => page.clock.fastForward(REFRESH_MILLISECONDS);

  /** Opens a view by the keyboard; on a phone, in the menu. */
  const openView = async (page: Page, name: string) => {
    const menu = page.getByRole('button', { name: /^Views:/ });
    if (await menu.isVisible()) {
      await menu.focus();
      await page.keyboard.press('Enter');
    }
    await page.getByRole('link', { name, exact: true }).focus();
    await page.keyboard.press('Enter');
  };

  /** Loads all pages of a list. */
  const loadAll = async (page: Page, name: string) => {
    await loaded(page, name);
    const loadMore = page.getByRole('button', { name: /Load more|Search further/ });
    while (await loadMore.isVisible()) {
      await loadMore.click();
      await page.getByRole('button', { name: 'Loading…' }).waitFor({ state: 'detached' });
    }
  };

  const heading = (page: Page) => page.getByRole('heading', { level: 1 }).textContent();

  const views: [name: string, query: () => string, heading: RegExp][] = [
    ['overview', () => '?range=7d', /Activity/],
    ['overview by tool', () => '?range=7d&by=tool', /Activity/],
    ['overview by version', () => '?range=7d&by=version', /Activity/],
    ['overview of a tool', () => '?range=7d&tool=note', /Activity/],
    ['calls', () => '?view=calls&range=7d', /Tool calls/],
    ['failed calls', () => '?view=calls&range=7d&outcome=error', /Tool calls/],
    ['errors', () => '?view=errors&range=7d', /Errors/],
    ['sessions', () => '?view=sessions', /Sessions/],
    ['session', () => `?view=session&id=${encodeURIComponent(session)}`, /Session/],
    ['connected apps', () => '?view=grants', /Connected apps/],
    ['access tokens', () => '?view=tokens', /Access tokens/],
    ['users', () => '?view=users', /Users/],
    ['my data', () => '?view=me', /My data/],
    ['no calls', () => '?view=calls&range=7d&tool=no-such-tool', /Tool calls/],
    ['an unknown session', () => '?view=session&id=unknown', /./],
  ];

  test('every view is accessible and fits every width, light and dark', async () => {
    const page = await signedIn('grace', '/dashboard', { viewport: sizes.desktop });
    const inspect = async (name: string, title: RegExp, size: keyof typeof sizes, colorScheme: 'light' | 'dark') => {
      expect(await heading(page)).toMatch(title);
      const fits = await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth');
      expect([name, size, colorScheme, fits]).toEqual([name, size, colorScheme, true]);
      // On a phone, a call and a session have two lines.
      const high =
        await page.evaluate(`Array.from(document.querySelectorAll('.list:is(.calls, .sessions) tr.clickable'))
        .filter((row) => row.offsetHeight > (innerWidth < 640 ? 90 : 60)).map((row) => row.textContent)`);
      expect([name, size, high]).toEqual([name, size, []]);
      await screenshot(page, `${name}-${size}-${colorScheme}`);
    };
    // Charts follow one frame after their containers, and after the color scheme.
    const drawn = () => page.evaluate('new Promise((end) => requestAnimationFrame(() => requestAnimationFrame(end)))');
    for (const [name, query, title] of views) {
      for (const [size, resized] of loadedAndResized) {
        await page.setViewportSize(sizes[size]);
        await page.goto(`${emulator.origin}/dashboard${query()}`);
        await loaded(page);
        await loadAxe(page);
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme });
          await drawn();
          await inspect(name, title, size, colorScheme);
          expect([name, size, colorScheme, await axeViolations(page)]).toEqual([name, size, colorScheme, []]);
        }
        await page.setViewportSize(sizes[resized]);
        for (const colorScheme of ['light', 'dark'] as const) {
          await page.emulateMedia({ colorScheme });
          await drawn();
          await inspect(name, title, resized, colorScheme);
        }
      }
    }
    await page.context().close();
  });

  test('the menu of a phone names the current view, and closes by Escape, by a click beside it, and by a choice', async () => {
    const page = await signedIn('grace', '/dashboard', { viewport: sizes.phone });
    const menu = page.getByRole('button', { name: 'Views: Overview', exact: true });
    const users = page.getByRole('link', { name: 'Users', exact: true });
    expect(await page.locator('.page-header .secondary').evaluate((row) => row.clientHeight)).toBeLessThan(60);
    await menu.focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('.views a').evaluateAll((links) => links.every((link) => link.checkVisibility()))).toBe(
      true,
    );
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Overview');
    await page.keyboard.press('Escape');
    await users.waitFor({ state: 'hidden' });
    expect(await page.evaluate('document.activeElement.className')).toBe('menu-button');
    await menu.click();
    await page.mouse.click(20, 20);
    await users.waitFor({ state: 'hidden' });
    await menu.click();
    await users.click();
    await page.getByRole('button', { name: 'Views: Users', exact: true }).waitFor();
    await users.waitFor({ state: 'hidden' });
    await page.context().close();
  });

  test('the screenshots of the README can be taken', async () => {
    const shots: [string, string, ViewportSize, 'light' | 'dark'][] = [
      ['dashboard', '?range=7d&by=tool', { width: 1280, height: 860 }, 'light'],
      ['dashboard-phone', `?view=session&id=${encodeURIComponent(session)}`, { width: 390, height: 844 }, 'dark'],
    ];
    for (const [name, query, viewport, colorScheme] of shots) {
      const page = await signedIn('grace', '/dashboard', { viewport, colorScheme, deviceScaleFactor: 2 });
      await page.goto(`${emulator.origin}/dashboard${query}`);
      await loaded(page);
      const image = await page.screenshot({ ...(readmePictures && { path: join(readmePictures, `${name}.png`) }) });
      expect(image.byteLength).toBeGreaterThan(20_000);
      await page.context().close();
    }
  });

  test('the page loads under 200 kB from its own origin, without console messages', async () => {
    const page = await signedIn('ada');
    const [origins, messages, bytes] = [new Set<string>(), [] as string[], new Map<string, number>()];
    page.on('request', (request) => origins.add(new URL(request.url()).origin));
    page.on('console', (message) => messages.push(message.text()));
    page.on('pageerror', (error) => messages.push(String(error)));
    page.on('response', async (response) => {
      const { responseBodySize } = await response.request().sizes();
      bytes.set(new URL(response.url()).pathname, responseBodySize);
    });
    await page.goto(`${emulator.origin}/dashboard`);
    await loaded(page);
    await page.waitForTimeout(200);
    expect([...origins]).toEqual([emulator.origin]);
    expect(messages).toEqual([]);
    expect(
      [...bytes.keys()]
        .filter((path) => !path.startsWith('/dashboard/api/'))
        .sort((a, b) => (extname(a) < extname(b) ? -1 : 1)),
    ).toEqual([
      '/dashboard',
      expect.stringMatching(/^\/dashboard\/main-[\w-]+\.css$/),
      expect.stringMatching(/^\/dashboard\/main-[\w-]+\.js$/),
    ]);
    expect([...bytes.values()].reduce((sum, each) => sum + each, 0)).toBeLessThan(200_000);
    await page.context().close();
  });

  test('the page of a user who has signed in before requests its view without waiting for another response', async () => {
    const page = await signedIn('grace');
    const views = new Set(['overview', 'calls']);
    const requested = new Promise<void>((resolve) => {
      page.on('request', (request) => {
        views.delete(new URL(request.url()).pathname.split('/').at(-1)!);
        if (views.size === 0) resolve();
      });
    });
    await page.route('**/dashboard/api/me', async (route) => {
      await requested;
      await route.continue();
    });
    await page.reload();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await page.context().close();
  });

  test('the page of a user who is not signed in has no errors in the console', async () => {
    const page = await browser.newPage();
    const messages: string[] = [];
    page.on('console', (message) => messages.push(message.text()));
    await page.goto(`${emulator.origin}/dashboard`);
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
    expect(messages).toEqual([]);
    await page.close();
  });

  test('a total links to its rows, and the URL contains the filters', async () => {
    const page = await signedIn('grace', '/dashboard?range=7d');
    const shown = (await page
      .getByRole('link', { name: /^Errors \d/ })
      .getByRole('strong')
      .textContent())!;
    expect(Number(shown)).toBeGreaterThan(3);
    await page.getByRole('link', { name: /^Errors \d/ }).click();
    await loadAll(page, 'Calls');
    expect(new URL(page.url()).search).toMatch(/view=calls/);
    expect(new URL(page.url()).search).toMatch(/outcome=error/);
    expect(await page.locator('tbody tr:has(button[aria-expanded])').count()).toBe(Number(shown));
    await page.reload();
    await loadAll(page, 'Calls');
    expect(await page.locator('tbody tr:has(button[aria-expanded])').count()).toBe(Number(shown));
    await page.goBack();
    await loaded(page, 'Activity');
    await page.context().close();
  });

  test('three clicks lead from the dashboard to the line of an error and its calls', async () => {
    const page = await signedIn('grace', '/dashboard?range=7d');
    await page.getByRole('link', { name: 'Errors', exact: true }).click();
    await loaded(page, 'Errors');
    const row = page.locator('tr.clickable', { hasText: 'TimeoutError' }).first();
    expect(await row.textContent()).toContain('src/documents.ts:42');
    const shown = Number(await row.getByRole('link').textContent());
    await row.locator('.trend').click();
    await page.getByText('filter event = "tool_failed" and call = ').waitFor();
    await page.getByRole('link', { name: 'Last call in its session' }).click();
    await page.getByRole('button', { name: /^Details of/, expanded: true }).waitFor();
    await page.goBack();
    await loaded(page, 'Errors');
    await page.locator('tr.clickable', { hasText: 'TimeoutError' }).first().getByRole('link').click();
    await loadAll(page, 'Calls');
    expect(await page.locator('tbody tr:has(button[aria-expanded])').count()).toBe(shown);
    expect(await page.locator('tr.clickable').filter({ hasNotText: 'Tool error' }).count()).toBe(0);
    await page.context().close();
  });

  test('the line at which a tool fails for two users is three clicks from the dashboard, and its stack in the log', async () => {
    const lines = readFileSync(join(projectRoot, server), 'utf8').split('\n');
    const line = 1 + lines.findIndex((each) => each.includes(noteTool));
    for (const each of [adasClient, alansClient]) await each.call('note', { name: 'broken' });
    const page = await signedIn('grace', '/dashboard?range=1h', { viewport: sizes.desktop });
    await page.getByRole('link', { name: 'Errors', exact: true }).click();
    await loaded(page, 'Errors');
    const row = page.locator('tr.clickable', { hasText: 'TypeError' });
    expect(await row.textContent()).toMatch(/2 calls.*2 users/);
    await row.locator('.trend').click();
    const hint = (await page.getByText('filter event = "tool_failed" and call = ').textContent())!;
    const [, call] = /call = "([^"]+)"/.exec(hint)!;
    expect(await page.locator('tr.details').textContent()).toContain(`${server}:${line}`);
    await page.getByRole('link', { name: 'Last call in its session' }).click();
    await page.getByRole('button', { name: /^Details of/, expanded: true }).waitFor();
    expect(await page.locator('tr.details').textContent()).toContain(`${server}:${line}`);
    const logged = emulator.log.split('\n').find((each) => each.includes('tool_failed') && each.includes(call!));
    expect(logged).toMatch(new RegExp(`TypeError.*The note is broken.*${server}:${line}`));
    await page.context().close();
  });

  test('the total of sessions equals the number of listed sessions', async () => {
    const page = await signedIn('grace', '/dashboard?range=7d');
    const tile = page.getByRole('link', { name: /^Sessions \d/ });
    const shown = Number(await tile.getByRole('strong').textContent());
    await tile.click();
    await loadAll(page, 'Sessions');
    expect(await page.locator('tbody tr').count()).toBe(shown);
    await page.context().close();
  });

  test('a connected app links to its calls and sessions, under any client name', async () => {
    const page = await signedIn('ada', '/dashboard?view=grants');
    await page
      .getByRole('link', { name: /^Sessions: / })
      .first()
      .click();
    await loadAll(page, 'Sessions');
    expect(await page.locator('tbody tr').count()).toBeGreaterThan(3);
    await page.goBack();
    await page
      .getByRole('link', { name: /^Calls: / })
      .first()
      .click();
    await loaded(page, 'Calls');
    expect(new URL(page.url()).searchParams.get('grant')).toBeTruthy();
    expect(await page.locator('tbody tr:has(button[aria-expanded])').count()).toBeGreaterThan(10);
    await page.context().close();
  });

  test('a chart has a table whose counts link to their calls', async () => {
    const page = await signedIn('grace', '/dashboard?range=7d&by=tool');
    await page.getByText('Show as table').first().click();
    const link = page.locator('details[open] tbody').getByRole('link', { name: /^\d+$/ }).first();
    const shown = Number(await link.textContent());
    await link.click();
    await loadAll(page, 'Calls');
    expect(await page.locator('tbody tr:has(button[aria-expanded])').count()).toBe(shown);
    await page.context().close();
  });

  test('a new call appears automatically, and expanded calls stay expanded', async () => {
    const page = await signedIn('ada', '/dashboard?view=calls&range=1h', { ownClock: true });
    const first = page.locator('button[aria-expanded]').first();
    await first.click();
    const rows = () => page.locator('tbody tr:has(button[aria-expanded])').count();
    const before = await rows();
    await adasClient.call('notes');
    await refresh(page);
    await page.getByText('notes', { exact: true }).first().waitFor({ timeout: 15_000 });
    expect(await rows()).toBe(before + 1);
    expect(await page.locator('button[aria-expanded=true]').count()).toBe(1);
    await page.context().close();
  });

  test('a user who is not an admin sees no other users, and no controls for them', async () => {
    const page = await signedIn('ada', '/dashboard?range=7d');
    expect(await heading(page)).toBe('Your activity');
    expect(await page.getByRole('link', { name: 'Users', exact: true }).count()).toBe(0);
    expect(await page.getByText('Everyone').count()).toBe(0);
    await page.goto(`${emulator.origin}/dashboard?view=users`);
    await page.getByText('Only admins of this server can see this view.').waitFor();
    await page.context().close();
  });

  test('names of users are stored sealed', async () => {
    const { dynamoDb, marker } = DataFolder.operatorAccessTo(emulator.folder)!;
    const credentials = { accessKeyId: dynamoDb.accessKeyId, secretAccessKey: 'local' };
    const client = new DynamoDBClient({ endpoint: dynamoDb.endpoint, region: 'us-east-1', credentials });
    const { Items } = await client.send(new ScanCommand({ TableName: marker.table }));
    client.destroy();
    const stored = JSON.stringify(Items);
    expect(stored).toContain('sealedName');
    for (const { name, email } of demoUsers) for (const value of [name, email]) expect(stored).not.toContain(value);
    expect(emulator.log).not.toMatch(/Lovelace|Turing|Hopper/);
  });

  test('the id search works by keyboard', async () => {
    const page = await signedIn('grace');
    await page.getByRole('searchbox').focus();
    await page.keyboard.type(session);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
    expect(new URL(page.url()).searchParams.get('id')).toBe(session);
    await page.getByRole('searchbox').focus();
    await page.keyboard.type('nothing-of-this-id');
    await page.keyboard.press('Enter');
    await page.getByText('No tool, client or user has this name').waitFor();
    await page.context().close();
  });

  test('the search finds tools, clients, users by a part of the name, and short ids as shown', async () => {
    const page = await signedIn('grace', '/dashboard?view=calls&range=7d');
    const short = (await page.locator('td.table-only code').first().textContent())!;
    expect(short).toMatch(/…$/);
    for (const [given, parameter, value] of [
      ['create_ticket', 'tool', 'create_ticket'],
      ['cursor', 'client', 'Cursor'],
      ['Lovelace', 'user', /./],
      [short, 'id', new RegExp(`^${short.slice(0, -1)}`)],
    ] as const) {
      await page.goto(`${emulator.origin}/dashboard?view=calls&range=7d`);
      await loaded(page);
      await page.getByRole('searchbox').fill(given);
      await page.keyboard.press('Enter');
      await page.waitForURL((url) => url.searchParams.has(parameter));
      expect(new URL(page.url()).searchParams.get(parameter)).toMatch(value);
    }
    await page.context().close();
  });

  test('a search that reaches its limit of work shows how far it has come, and continues on demand', async () => {
    const page = await signedIn('grace');
    const first = { items: [], next: '1', searchedTo: Date.now() - 3 * 86_400_000 };
    await page.route('**/dashboard/api/calls?*', (route) =>
      route.fulfill({ json: new URL(route.request().url()).searchParams.has('after') ? { items: [] } : first }),
    );
    await page.goto(`${emulator.origin}/dashboard?view=calls&range=7d&tool=rare`);
    await page.getByText(/^Searched back to /).waitFor();
    const { value, max } = await page.getByRole('progressbar').evaluate(({ value, max }: HTMLProgressElement) => ({
      value,
      max,
    }));
    expect(value / max).toBeGreaterThan(0.4);
    expect(value / max).toBeLessThan(0.45);
    await page.getByRole('button', { name: 'Search further back' }).click();
    await page.getByText('No tool calls in this period.').waitFor();
    expect(await page.getByText(/^Searched back to /).count()).toBe(0);
    await page.context().close();
  });

  test('the page retries during an outage, and keeps the loaded rows', async () => {
    const page = await signedIn('grace', '/dashboard?view=sessions', { ownClock: true });
    const rows = await page.locator('tbody tr').count();
    await page.route('**/dashboard/api/**', (route) => route.fulfill({ status: 503, body: '{}' }));
    await refresh(page);
    await page.getByText(/server is unavailable. The next attempt is in/).waitFor({ timeout: 20_000 });
    expect(await page.locator('tbody tr').count()).toBe(rows);
    await page.unroute('**/dashboard/api/**');
    await refresh(page);
    await page.getByText(/server is unavailable/).waitFor({ state: 'detached', timeout: 30_000 });
    await page.context().close();
  });

  test('an expired sign-in leads to a new sign-in and back to the view', async () => {
    const page = await signedIn('grace', '/dashboard?view=sessions', { ownClock: true });
    await page.context().clearCookies({ name: 'dashboard' });
    await refresh(page);
    await page.getByRole('heading', { name: 'Your sign-in has expired' }).waitFor({ timeout: 15_000 });
    await screenshot(page, 'sign-in-expired');
    await page.getByRole('link', { name: 'Sign in again' }).click();
    await page.getByRole('heading', { name: 'Sessions' }).waitFor();
    await page.context().close();
  });

  test('a revocation needs confirmation, can be cancelled by Escape, and applies to the next request', async () => {
    const page = await signedIn('ada', '/dashboard?view=grants');
    const revoke = page.getByRole('button', { name: /^Revoke “Assistant/ });
    await revoke.click();
    await page.getByRole('dialog').waitFor();
    await loadAxe(page);
    expect(await axeViolations(page)).toEqual([]);
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Cancel');
    await screenshot(page, 'revoke');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect((await adasClient.call('whoami')).isError).toBe(false);
    await revoke.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('has been revoked.').waitFor();
    await expect(adasClient.call('whoami')).rejects.toThrow();
    await page.context().close();
  });

  test('a user makes a token, sees it once, and revokes it', async () => {
    const page = await signedIn('ada', '/dashboard?view=tokens');
    await page.getByLabel('Name').fill('CI of the shop');
    await page.getByLabel('Lifetime').selectOption({ label: '7\u00a0days' });
    await page.getByRole('button', { name: 'Make a token' }).click();
    const shown = page.getByText(/^hfp_ey/);
    await shown.waitFor();
    const token = (await shown.textContent())!;
    expect((await postMcp(emulator.origin, token, initialize)).status).toBe(200);
    await loadAxe(page);
    expect(await axeViolations(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    await screenshot(page, 'made-token');
    await page.getByRole('button', { name: 'I have copied it' }).click();
    await page.reload();
    await page.getByRole('row', { name: /CI of the shop/ }).waitFor();
    expect(await page.content()).not.toContain(token.split('.')[2]);
    // Beside the connected apps, which are none of these.
    await page.goto(`${emulator.origin}/dashboard?view=grants`);
    await page.getByRole('region', { name: 'Personal access tokens' }).getByText('CI of the shop').waitFor();
    const apps = page.getByRole('region', { name: 'Connected apps' });
    expect(await apps.getByText('CI of the shop').count()).toBe(0);
    await page.getByRole('button', { name: 'Revoke “CI of the shop”' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('has been revoked.').waitFor();
    expect((await postMcp(emulator.origin, token, initialize)).status).toBe(401);
    await page.context().close();
  });

  test('a user can erase their data, and sees a confirmation', async () => {
    const page = await signedIn('alan', '/dashboard?view=me');
    await page.getByRole('button', { name: 'Erase my data' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    expect(await dialog.getByRole('button', { name: 'Erase my data' }).isDisabled()).toBe(true);
    await dialog.getByRole('textbox').fill('erase');
    await dialog.getByRole('button', { name: 'Erase my data' }).click();
    await page.getByRole('heading', { name: 'Your data has been erased' }).waitFor({ timeout: 60_000 });
    await screenshot(page, 'erased');
    await page.context().close();
  });

  describe('in Firefox', () => {
    let firefox: Browser;
    beforeAll(async () => {
      firefox = await launchFirefox();
    });
    afterAll(() => firefox?.close());

    test('an admin signs in and reads every view by keyboard, in dark colours and at three widths', async () => {
      const page = await firefox.newPage({ viewport: sizes.phone });
      await page.goto(`${emulator.origin}/dashboard`);
      await page.getByRole('link', { name: 'Sign in' }).focus();
      await page.keyboard.press('Enter');
      await page.getByLabel(/user/i).fill('grace');
      await page.keyboard.press('Tab');
      await page.keyboard.type('grace');
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Sign out' }).waitFor();
      expect(await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")).toBe(true);
      const messages: string[] = [];
      page.on('console', (message) => messages.push(message.text()));
      page.on('pageerror', (error) => messages.push(String(error)));
      await page.reload();
      for (const name of ['Tool calls', 'Errors', 'Sessions', 'Connected apps', 'Users', 'My data', 'Overview']) {
        await openView(page, name);
        await loaded(page, name === 'Overview' ? 'Activity' : name);
        for (const size of ['phone', 'tablet', 'desktop'] as const) {
          await page.setViewportSize(sizes[size]);
          const fits = await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth');
          expect([name, size, fits]).toEqual([name, size, true]);
        }
      }
      expect(messages).toEqual([]);
      // Both add styles, which the page's Content Security Policy blocks with a message.
      await screenshot(page, 'firefox-overview-desktop-dark');
      await loadAxe(page);
      expect(await axeViolations(page)).toEqual([]);
      await page.close();
    });

    test('a user approves an application and returns to it, by keyboard on a phone', async () => {
      const page = await firefox.newPage({ viewport: sizes.phone });
      const assistant = await OAuthClient.register(emulator.origin, { client_name: 'Claude Code' });
      const back = page.waitForRequest((request) => request.url().startsWith(redirectUri));
      const messages: string[] = [];
      page.on('console', (message) => messages.push(message.text()));
      await page.goto(assistant.authorizationUrl());
      expect(await heading(page)).toBe('Connect “Claude Code”?');
      expect(messages).toEqual([]);
      await loadAxe(page);
      expect(await axeViolations(page)).toEqual([]);
      await screenshot(page, 'firefox-consent-phone-dark');
      await page.getByRole('button', { name: 'Approve' }).focus();
      await page.keyboard.press('Enter');
      await page.getByLabel(/user/i).fill('ada');
      await page.getByLabel(/password/i).fill('ada');
      await page.keyboard.press('Enter');
      const { searchParams } = new URL((await back).url());
      expect((await assistant.redeem(searchParams.get('code')!)).status).toBe(200);
      await page.close();
    });
  });

  async function screenshot(page: Page, name: string): Promise<void> {
    if (!screenshots) return;
    mkdirSync(screenshots, { recursive: true });
    await page.screenshot({ path: join(screenshots, `${name.replaceAll(' ', '-')}.png`), fullPage: true });
  }
});
