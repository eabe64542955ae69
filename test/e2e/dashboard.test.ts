import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import type { Browser, Page, ViewportSize } from 'playwright-core';
import { type Assistant, assistants } from '../../bench/harness/mcp-clients.ts';
import type { GrantRow, ResultPage as Listed, SessionRow } from '../../lambda/core/dashboard/dashboard-api.ts';
import { demoUsers } from '../../local/cognito/demo-users.ts';
import { DataFolder } from '../../local/data-folder.ts';
import { launchChromium, withChromium } from '../support/chromium.ts';
import { DashboardClient } from '../support/dashboard-client.ts';
import { TestCloud } from '../support/test-cloud.ts';
import { type Connected, writeWeekOfCalls } from '../support/week-of-calls.ts';

/** The dashboard as people have it before them. */

jest.setTimeout(180_000);

/** Where the pictures go, for whoever wants to look: PICTURES names the folder. */
const pictures = process.env.PICTURES;

/** `npm run pictures` names the folder of the README's, which are made anew. */
const readmePictures = process.env.README_PICTURES;

const widths: [string, ViewportSize][] = [
  ['phone', { width: 360, height: 740 }],
  ['tablet', { width: 820, height: 1180 }],
  ['desktop', { width: 1280, height: 900 }],
];

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds to mend (WCAG 2.2 AA, and its best practices), each with the elements that it is about. */
async function findings(page: Page): Promise<string[]> {
  // Not by a script of the page's own, which its policy would rightly refuse.
  await page.evaluate(axe);
  return page.evaluate(
    'axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html)))',
  );
}

let desk: TestCloud;
let browser: Browser;
let adas: Assistant;
let session: string;

withChromium('the dashboard in a real browser', () => {
  beforeAll(async () => {
    // An owner who has chosen to see who users are.
    desk = await TestCloud.start({ edits: [['cdk.json', '"context": {', '"context": { "showNames": "name",']] });
    browser = await launchChromium();
    const clients: Connected[] = [];
    const programs = [
      ['Claude Code', '2.1.4'],
      ['Cursor', '3.0.1'],
      ['Codex', '0.98.0'],
    ];
    for (const [index, user] of ['ada', 'alan', 'grace'].entries()) {
      const assistant = await assistants[2]![1](desk.mcpUrl, user);
      await assistant.call('whoami');
      await assistant.call('note', { name: 'diary' });
      if (user === 'ada') adas = assistant;
      const visitor = await DashboardClient.signIn(desk.origin, user);
      const [grant] = (await visitor.get<Listed<GrantRow>>('grants')).items;
      for (const [clientName, clientVersion] of programs.slice(index)) {
        clients.push({
          user: visitor.me.user,
          grant: grant!.id,
          client: grant!.client,
          clientName: clientName!,
          clientVersion: clientVersion!,
        });
      }
    }
    await writeWeekOfCalls(desk.folder, clients);
    const grace = await DashboardClient.signIn(desk.origin, 'grace');
    session = (await grace.get<Listed<SessionRow>>('sessions')).items.find(({ calls }) => calls > 5)!.id;
  });
  afterAll(async () => {
    await browser?.close();
    await desk?.stop();
  });

  async function signedIn(user: string, at = '/dashboard', options: Parameters<Browser['newContext']>[0] = {}) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    await page.goto(`${desk.origin}${at}`);
    await page.getByRole('link', { name: 'Sign in' }).click();
    await page.getByLabel(/user/i).fill(user);
    await page.getByLabel(/password/i).fill(user);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await settled(page);
    return page;
  }

  /** Whatever is asked for has been answered. @param name of the view, where another was shown before */
  const settled = async (page: Page, name?: string) => {
    await page.getByRole('heading', { level: 1, ...(name && { name }) }).waitFor();
    await page.locator('[aria-busy=true], .skeleton').first().waitFor({ state: 'detached' });
  };

  /** As many pages as there are. */
  const everything = async (page: Page, name: string) => {
    await settled(page, name);
    const more = page.getByRole('button', { name: /Load more|Search further/ });
    while (await more.isVisible()) {
      await more.click();
      await page.getByRole('button', { name: 'Loading…' }).waitFor({ state: 'detached' });
    }
  };

  const heading = (page: Page) => page.getByRole('heading', { level: 1 }).textContent();

  const views: [name: string, query: () => string, heading: RegExp][] = [
    ['overview', () => '?range=7d', /Activity/],
    ['overview by tool', () => '?range=7d&by=tool', /Activity/],
    ['calls', () => '?view=calls&range=7d', /Calls/],
    ['errors', () => '?view=calls&range=7d&outcome=error', /Calls/],
    ['sessions', () => '?view=sessions', /Sessions/],
    ['session', () => `?view=session&id=${encodeURIComponent(session)}`, /Session/],
    ['assistants', () => '?view=grants', /Assistants/],
    ['users', () => '?view=users', /Users/],
    ['my data', () => '?view=me', /My data/],
    ['nothing', () => '?view=calls&range=7d&tool=no-such-tool', /Calls/],
    ['an unknown session', () => '?view=session&id=unknown', /./],
  ];

  test.each(['light', 'dark'] as const)(
    'every view can be used by everybody, at every width (%s)',
    async (colorScheme) => {
      const page = await signedIn('grace', '/dashboard', { colorScheme, viewport: widths[2]![1] });
      for (const [name, query, title] of views) {
        for (const [width, viewport] of [...widths, ['narrow', { width: 320, height: 640 }] as const]) {
          await page.setViewportSize(viewport);
          await page.goto(`${desk.origin}/dashboard${query()}`);
          await settled(page);
          expect(await heading(page)).toMatch(title);
          const fits = await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth');
          expect([name, width, fits]).toEqual([name, width, true]);
          if (width === 'narrow' || width === 'desktop') {
            expect([name, width, await findings(page)]).toEqual([name, width, []]);
          }
          await picture(page, `${name}-${width}-${colorScheme}`);
        }
      }
      await page.context().close();
    },
  );

  test('it is pictured in the README as it is', async () => {
    const shots: [string, string, ViewportSize, 'light' | 'dark'][] = [
      ['dashboard', '?range=7d&by=tool', { width: 1280, height: 860 }, 'light'],
      ['dashboard-phone', `?view=session&id=${encodeURIComponent(session)}`, { width: 390, height: 844 }, 'dark'],
    ];
    for (const [name, query, viewport, colorScheme] of shots) {
      const page = await signedIn('grace', '/dashboard', { viewport, colorScheme, deviceScaleFactor: 2 });
      await page.goto(`${desk.origin}/dashboard${query}`);
      await settled(page);
      const image = await page.screenshot({ ...(readmePictures && { path: join(readmePictures, `${name}.png`) }) });
      expect(image.byteLength).toBeGreaterThan(20_000);
      await page.context().close();
    }
  });

  test('it is there after one chain of requests, small, from here alone, and without a complaint of its policy', async () => {
    const page = await signedIn('ada');
    const [requested, complaints, bytes] = [new Set<string>(), [] as string[], new Map<string, number>()];
    page.on('request', (request) => requested.add(new URL(request.url()).origin));
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('response', async (response) => {
      const { responseBodySize } = await response.request().sizes();
      bytes.set(new URL(response.url()).pathname, responseBodySize);
    });
    await page.goto(`${desk.origin}/dashboard`);
    await settled(page);
    await page.waitForTimeout(200);
    expect([...requested]).toEqual([desk.origin]);
    expect(complaints).toEqual([]);
    expect([...bytes.keys()].filter((path) => !path.startsWith('/dashboard/api/')).sort()).toEqual([
      '/dashboard',
      expect.stringMatching(/^\/dashboard\/main-[\w-]+\.css$/),
      expect.stringMatching(/^\/dashboard\/main-[\w-]+\.js$/),
    ]);
    expect([...bytes.values()].reduce((sum, each) => sum + each, 0)).toBeLessThan(200_000);
    await page.context().close();
  });

  test('a number leads to the rows behind it, and what is looked at is in the address', async () => {
    const page = await signedIn('grace', '/dashboard?range=7d');
    const shown = (await page
      .getByRole('link', { name: /^Errors/ })
      .getByRole('strong')
      .textContent())!;
    expect(Number(shown)).toBeGreaterThan(3);
    await page.getByRole('link', { name: /^Errors/ }).click();
    await everything(page, 'Calls');
    expect(new URL(page.url()).search).toMatch(/view=calls/);
    expect(new URL(page.url()).search).toMatch(/outcome=error/);
    expect(await page.locator('tbody tr:has(button[aria-expanded])').count()).toBe(Number(shown));
    await page.reload();
    await everything(page, 'Calls');
    expect(await page.locator('tbody tr:has(button[aria-expanded])').count()).toBe(Number(shown));
    await page.goBack();
    await settled(page, 'Activity');
    await page.context().close();
  });

  test('sessions that are counted are the sessions that are listed', async () => {
    const page = await signedIn('grace', '/dashboard?range=7d');
    const tile = page.getByRole('link', { name: /^Sessions \d/ });
    const shown = Number(await tile.getByRole('strong').textContent());
    await tile.click();
    await everything(page, 'Sessions');
    expect(await page.locator('tbody tr').count()).toBe(shown);
    await page.context().close();
  });

  test('an assistant leads to its own calls and sessions, whatever its program calls itself', async () => {
    const page = await signedIn('ada', '/dashboard?view=grants');
    await page
      .getByRole('link', { name: /^Sessions: / })
      .first()
      .click();
    await everything(page, 'Sessions');
    expect(await page.locator('tbody tr').count()).toBeGreaterThan(3);
    await page.goBack();
    await page
      .getByRole('link', { name: /^Calls: / })
      .first()
      .click();
    await settled(page, 'Calls');
    expect(new URL(page.url()).searchParams.get('grant')).toBeTruthy();
    expect(await page.locator('tbody tr:has(button[aria-expanded])').count()).toBeGreaterThan(10);
    await page.context().close();
  });

  test('the numbers of a chart are a table too, each a link to its calls', async () => {
    const page = await signedIn('grace', '/dashboard?range=7d&by=tool');
    await page.getByText('As a table').first().click();
    const link = page.locator('details[open] tbody').getByRole('link', { name: /^\d+$/ }).first();
    const shown = Number(await link.textContent());
    await link.click();
    await everything(page, 'Calls');
    expect(await page.locator('tbody tr:has(button[aria-expanded])').count()).toBe(shown);
    await page.context().close();
  });

  test('a call appears by itself, and what is open stays open', async () => {
    const page = await signedIn('ada', '/dashboard?view=calls&range=1h');
    const first = page.locator('button[aria-expanded]').first();
    await first.click();
    const rows = () => page.locator('tbody tr:has(button[aria-expanded])').count();
    const before = await rows();
    await adas.call('notes');
    await page.getByText('notes', { exact: true }).first().waitFor({ timeout: 15_000 });
    expect(await rows()).toBe(before + 1);
    expect(await page.locator('button[aria-expanded=true]').count()).toBe(1);
    await page.context().close();
  });

  test('somebody who is no owner sees nobody else, and is not offered to', async () => {
    const page = await signedIn('ada', '/dashboard?range=7d');
    expect(await heading(page)).toBe('Your activity');
    expect(await page.getByRole('link', { name: 'Users', exact: true }).count()).toBe(0);
    expect(await page.getByText('Everyone').count()).toBe(0);
    await page.goto(`${desk.origin}/dashboard?view=users`);
    await page.getByText('This is for owners of this server.').waitFor();
    await page.context().close();
  });

  test('what users are called is sealed where it is kept', async () => {
    const { dynamoDb, table } = DataFolder.operatorAccessTo(desk.folder);
    const credentials = { accessKeyId: dynamoDb.accessKeyId, secretAccessKey: 'local' };
    const client = new DynamoDBClient({ endpoint: dynamoDb.endpoint, region: 'us-east-1', credentials });
    const { Items } = await client.send(new ScanCommand({ TableName: table }));
    client.destroy();
    const kept = JSON.stringify(Items);
    expect(kept).toContain('sealedName');
    for (const { name, email } of demoUsers) for (const word of [name, email]) expect(kept).not.toContain(word);
    expect(desk.log).not.toMatch(/Lovelace|Turing|Hopper/);
  });

  test('an id is found, by the keyboard alone', async () => {
    const page = await signedIn('grace');
    await page.getByRole('searchbox').focus();
    await page.keyboard.type(session);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Time line' }).waitFor();
    expect(new URL(page.url()).searchParams.get('id')).toBe(session);
    await page.getByRole('searchbox').focus();
    await page.keyboard.type('nothing-of-this-id');
    await page.keyboard.press('Enter');
    await page.getByText('Nothing of that id.').waitFor();
    await page.context().close();
  });

  test('a server that does not answer is waited for, with what was there before', async () => {
    const page = await signedIn('grace', '/dashboard?view=sessions');
    const rows = await page.locator('tbody tr').count();
    await page.route('**/dashboard/api/**', (route) => route.fulfill({ status: 503, body: '{}' }));
    await page.getByText(/does not answer at the moment. Trying again/).waitFor({ timeout: 20_000 });
    expect(await page.locator('tbody tr').count()).toBe(rows);
    await page.unroute('**/dashboard/api/**');
    await page.getByText(/does not answer at the moment/).waitFor({ state: 'detached', timeout: 30_000 });
    await page.context().close();
  });

  test('a sign-in that has ended leads to another, and back', async () => {
    const page = await signedIn('grace', '/dashboard?view=sessions');
    await page.context().clearCookies({ name: 'dashboard' });
    await page.getByRole('heading', { name: 'Your sign-in has ended' }).waitFor({ timeout: 15_000 });
    await picture(page, 'sign-in-ended');
    await page.getByRole('link', { name: 'Sign in again' }).click();
    await page.getByRole('heading', { name: 'Sessions' }).waitFor();
    await page.context().close();
  });

  test('revoking is asked first, can be left by Escape, and is felt at the next request', async () => {
    const page = await signedIn('ada', '/dashboard?view=grants');
    const revoke = page.getByRole('button', { name: /^Revoke Assistant/ });
    await revoke.click();
    await page.getByRole('dialog').waitFor();
    expect(await findings(page)).toEqual([]);
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Cancel');
    await picture(page, 'revoke');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect((await adas.call('whoami')).isError).toBe(false);
    await revoke.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('has been revoked.').waitFor();
    await expect(adas.call('whoami')).rejects.toThrow();
    await page.context().close();
  });

  test('whoever wants to be forgotten is, and is told so', async () => {
    const page = await signedIn('alan', '/dashboard?view=me');
    await page.getByRole('button', { name: 'Erase everything about me' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    expect(await dialog.getByRole('button', { name: 'Erase everything about me' }).isDisabled()).toBe(true);
    await dialog.getByRole('textbox').fill('erase');
    await dialog.getByRole('button', { name: 'Erase everything about me' }).click();
    await page.getByRole('heading', { name: 'Everything about you has been erased.' }).waitFor({ timeout: 60_000 });
    await picture(page, 'erased');
    await page.context().close();
  });

  async function picture(page: Page, name: string): Promise<void> {
    if (!pictures) return;
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, `${name.replaceAll(' ', '-')}.png`), fullPage: true });
  }
});
