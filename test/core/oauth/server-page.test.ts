import { serverEndpoint } from '../../../lambda/core/oauth/endpoints/server-endpoint.ts';
import { oauthPageText } from '../../../lambda/core/oauth/pages/oauth-page-text.ts';
import { iconResponse, type ServerDescription } from '../../../lambda/core/oauth/pages/server-page.ts';
import { escaped } from '../../../lambda/core/support/escaped-html.ts';
import { clientSetups } from '../../../lambda/shared/client-setups.ts';

const server: ServerDescription = {
  publicUrl: 'https://mcp.example.com',
  branding: { name: 'Acme Notes' },
  hasDashboard: true,
};

const open = (accept: string, change: Partial<ServerDescription> = {}) =>
  serverEndpoint(
    new Request('https://mcp.example.com/', { headers: { accept } }),
    { ...server, ...change },
    oauthPageText,
  );

const pageOf = async (change?: Partial<ServerDescription>) =>
  (await open('text/html,application/xhtml+xml,*/*;q=0.8', change)).text();

test('the page of the server has its address and the setup of every assistant, under the name of the server', async () => {
  const html = await pageOf();
  const setups = clientSetups('https://mcp.example.com/mcp', 'acme-notes');
  expect(setups.length).toBe(7);
  for (const setup of setups) {
    expect(html).toContain(`<summary>${setup.client}</summary>`);
    const text =
      'command' in setup ? setup.command : 'content' in setup ? setup.content : 'https://mcp.example.com/mcp';
    expect(html).toContain(`<code>${escaped(text)}</code>`);
    expect(html).toContain(`data-copy="${escaped(text)}"`);
  }
});

test('the page of a server on this computer has no assistant that connects from elsewhere', async () => {
  const html = await pageOf({ publicUrl: 'http://127.0.0.1:8787' });
  expect(html).not.toMatch(/<summary>(Claude|ChatGPT)</);
  expect(html).toContain('<summary>Claude Code</summary>');
});

test('the page of the server links the dashboard exactly where there is one', async () => {
  expect(await pageOf()).toContain('href="/dashboard"');
  expect(await pageOf({ hasDashboard: false })).not.toContain('/dashboard');
});

test.each(['*/*', 'application/json', ''])(
  'the root of the server has its addresses as JSON for Accept %j',
  async (accept) => {
    const response = await open(accept);
    expect(await response.json()).toEqual({
      name: 'Acme Notes',
      mcp_endpoint: 'https://mcp.example.com/mcp',
      resource_metadata: 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp',
    });
    expect(response.headers.get('vary')).toBe('Accept');
  },
);

test('the icon of the setting is an image in the icon of the tab, where its scripts do not run', async () => {
  const icon = 'data:image/svg+xml;base64,PHN2Zz48c2NyaXB0Lz48L3N2Zz4=';
  const response = iconResponse({ icon });
  expect(await response.text()).toContain(`<image href="${icon}"`);
  expect(response.headers.get('content-type')).toBe('image/svg+xml');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'; img-src data:");
  expect(await iconResponse({}).text()).toMatch(/^<svg .*<path /);
});
