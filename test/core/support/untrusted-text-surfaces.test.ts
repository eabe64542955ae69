import { log } from '../../../lambda/adapters/logging/structured-log.ts';
import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { CallSearch } from '../../../lambda/core/admin/call-search.ts';
import { callFactsOf } from '../../../lambda/core/audit/audited-request.ts';
import type { Dashboard } from '../../../lambda/core/dashboard/dashboard-dependencies.ts';
import { handleDashboardRequest } from '../../../lambda/core/dashboard/dashboard-routes.ts';
import { nameIn } from '../../../lambda/core/identity/upstream-provider.ts';
import { readClientMetadata } from '../../../lambda/core/oauth/clients/client-document.ts';
import { registerClient } from '../../../lambda/core/oauth/clients/client-registration.ts';
import { oauthError } from '../../../lambda/core/oauth/oauth-error.ts';
import { oauthPageText } from '../../../lambda/core/oauth/pages/oauth-page-text.ts';
import { consentPage, errorPage } from '../../../lambda/core/oauth/pages/oauth-pages.ts';
import { sha256 } from '../../../lambda/core/support/crypto.ts';
import { given, pageRules } from '../../support/every-page.ts';
import {
  hasHostileCharacter,
  hasStackedMarks,
  hostileCharacters,
  markedLetter,
} from '../../support/hostile-characters.ts';
import { toolCall } from '../../support/tool-call-builder.ts';

/** Text that strangers chose, with every control and format character, at each place of the functions that shows it. */

const hostile = [...hostileCharacters.map((character) => `=a${character}b`), markedLetter];

/** The hostile texts that a surface passes on. */
async function passedOn(surface: (text: string) => string | Promise<string>): Promise<string[]> {
  const shown = await Promise.all(hostile.map(async (text) => [text, await surface(text)] as const));
  return shown
    .filter(([, output]) => hasHostileCharacter(output.replaceAll('\n', '')) || hasStackedMarks(output))
    .map(([text]) => JSON.stringify(text));
}

/** Lines of a page without hostile text: a line end of the text would add one. */
const linesOf = (text: string) => text.split('\n').length;

const body = async (page: Promise<Response>) => (await page).text();

const consentFor = (clientName: string) =>
  body(
    consentPage(
      {
        client: 'id',
        clientName,
        clientIdentity: { kind: 'self-registered' },
        redirectUri: Object.keys(given.targets)[0]!,
        scopes: [],
        challenge: 'x',
      },
      pageRules,
      'the-handle',
      'cookie=x',
      oauthPageText,
    ),
  );

test('the consent page shows no control, format or stacked character of a client name', async () => {
  expect(await passedOn(consentFor)).toEqual([]);
  expect(linesOf(await consentFor('a\nb\u2028c'))).toBe(linesOf(await consentFor('abc')));
});

test('the consent page shows a client name in quotation marks that the name cannot close', async () => {
  const title = async (name: string) => /<h1>(.*)<\/h1>/.exec(await consentFor(name))?.[1];
  expect(await title('Claude')).toBe('Connect “Claude”?');
  expect(await title('Claude”? Approved by the owner. “')).toBe('Connect “Claude&#39;? Approved by the owner. &#39;”?');
  const sentence = 'Claude? This application was set up by the owner of this server. Approve';
  expect(await title(sentence)).toBe('Connect “Claude? This application was set up by …”?');
});

test('the error page shows nothing of a member name in a client document', async () => {
  const id = 'https://client.example/client.json';
  const pageOf = async (text: string) => {
    const member = `client_secret ${text}`;
    const document = { client_id: id, client_name: text, redirect_uris: [id], [member]: text };
    try {
      readClientMetadata(JSON.stringify(document), id, { ownHost: 'mcp.example', anywhere: false });
    } catch (error) {
      return body(
        errorPage(oauthError('client_id_document_rejected', (error as Error).message), pageRules, oauthPageText),
      );
    }
    return text;
  };
  expect(await passedOn(pageOf)).toEqual([]);
  expect(await pageOf('Approve this now')).not.toContain('Approve this now');
});

test('the error page shows no control, format or stacked character of a detail', async () => {
  expect(
    await passedOn((text) => body(errorPage(oauthError('redirect_uri_not_listed', text), pageRules, oauthPageText))),
  ).toEqual([]);
});

test('a registration stores no control, format or stacked character of a client name', async () => {
  const { clients } = memoryStores();
  const register = async (client_name: string) => {
    const metadata = { client_name, redirect_uris: ['https://client.example/cb'] };
    return (await registerClient(metadata, { admission: { mode: 'open', allowed: [] }, schemes: [] }, clients, 1))
      .client_name;
  };
  expect(await passedOn(register)).toEqual([]);
});

test('the name of a user has no control, format or stacked character', async () => {
  expect(await passedOn((name) => nameIn({ name }, 'name').name ?? '')).toEqual([]);
});

test('a log line has no control, format or stacked character', async () => {
  const lines: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  for (const text of hostile) log('sign_in_rejected', { [text]: text });
  write.mockRestore();
  expect(lines.length).toBe(hostile.length);
  expect(lines.filter((line) => hasHostileCharacter(line.slice(0, -1)) || hasStackedMarks(line))).toEqual([]);
});

test('a tool call is logged without control, format and stacked characters', async () => {
  const factsOf = (text: string) =>
    JSON.stringify(
      Object.values(
        callFactsOf(
          {
            headers: { get: () => text },
            caller: { user: 'ada', client: 'dcr_1', grant: 'grant', scopes: [], expiresAt: 1 },
            session: {
              ...{ id: 's', grant: 'g', user: 'ada', era: 'legacy', startedAt: 1, lastSeenAt: 1, expiresAt: 1 },
              initialize: { protocolVersion: text, capabilities: {}, clientInfo: { name: text, version: text } },
            },
            context: { client: { name: text } },
            body: undefined,
          },
          { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: text } },
        ),
      ),
    );
  expect(await passedOn((text) => JSON.parse(factsOf(text)).join('|'))).toEqual([]);
});

test('no response of the dashboard has a control, format or stacked character', async () => {
  const at = 1_800_000_000_000;
  const stores = memoryStores();
  const now = () => at + 1000;
  const dashboard: Dashboard = {
    ...stores,
    publicUrl: 'https://mcp.example',
    branding: {},
    adminsGroup: 'admins',
    isDirect: false,
    retentionDays: 90,
    grantIdleSeconds: 1,
    sessionTtlSeconds: 1,
    search: new CallSearch({ ...stores, retentionDays: 90, now }),
    erasure: { erase: async () => ({ items: 0, done: true }) },
    page: {} as Dashboard['page'],
    now,
    seconds: () => now() / 1000,
    log: (event, details) => {
      throw new Error(`${event} ${JSON.stringify(details)}`);
    },
  };
  const session = { user: 'ada', groups: ['admins'], expiresAt: at };
  await stores.dashboardSessions.startDashboardSession(await sha256('secret'), session, at / 1000);
  for (const [index, text] of hostile.entries()) {
    const chosen = { clientName: text, clientVersion: text, tool: text, method: text, message: text };
    await stores.calls.recordCall(toolCall({ id: `${index}`, at: at + index, ...chosen }), at);
  }
  const paths = [`calls?from=0&to=${at + 9999}&limit=200`, `overview?from=0&to=${at + 9999}`, 'sessions/session'];
  for (const path of paths) {
    const response = await handleDashboardRequest(
      dashboard,
      new Request(`https://mcp.example/dashboard/api/${path}`, { headers: { cookie: '__Host-dashboard=secret' } }),
    );
    expect(response.status).toBe(200);
    const strings: string[] = [];
    JSON.parse(await response.text(), (_, value) => {
      if (typeof value === 'string') strings.push(value);
      return value;
    });
    expect(strings.length).toBeGreaterThan(50);
    expect(strings.filter((text) => hasHostileCharacter(text) || hasStackedMarks(text))).toEqual([]);
  }
});
