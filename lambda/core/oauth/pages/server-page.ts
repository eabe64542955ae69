import { type Branding, DEFAULT_NAME } from '../../../shared/branding.ts';
import { type ClientSetup, clientSetups } from '../../../shared/client-setups.ts';
import { pointsToLoopback } from '../../../shared/loopback.ts';
import { escaped } from '../../support/escaped-html.ts';
import { resourceOf } from '../resource-indicator.ts';
import type { OAuthPageText } from './oauth-page-text.ts';
import { digestSource, htmlPage } from './page-frame.ts';

/** The server, as its page shows it. */
export type ServerDescription = {
  branding: Branding;
  publicUrl: string;
  hasDashboard: boolean;
};

/** Copies the text of a button. Without the script, and without a clipboard, there are no buttons, and the text can be selected. */
const SCRIPT = `
for (const button of navigator.clipboard ? document.querySelectorAll('[data-copy]') : []) {
  button.hidden = false;
  button.ariaLive = 'polite';
  button.onclick = async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.copied;
  };
}
`;

const scriptPolicy = digestSource(SCRIPT).then((script) => `script-src ${script}`);

/** The page at the root of the server: its address, and how to connect each assistant. */
export async function serverPage(server: ServerDescription, text: OAuthPageText): Promise<Response> {
  const { branding, publicUrl, hasDashboard } = server;
  const { name = DEFAULT_NAME } = branding;
  const url = resourceOf(publicUrl);
  const { heading, introduction } = text.server;
  const setups = clientSetups(url, serverId(name)).filter((each) => !('hosted' in each && pointsToLoopback(url)));
  const dashboard = `<p><a class="button" href="/dashboard">${escaped(text.openDashboard)}</a></p>`;
  return htmlPage({
    branding,
    text,
    title: name,
    body: `<h1>${escaped(heading)}</h1>
<p class="quiet">${escaped(introduction(name))}</p>
${copyable(url, text)}
${setups.map((setup) => setupDetails(setup, url, text)).join('\n')}
${hasDashboard ? dashboard : ''}
<script>${SCRIPT}</script>`,
    headers: { 'Referrer-Policy': 'no-referrer', Vary: 'Accept, Accept-Language' },
    policy: await scriptPolicy,
  });
}

/** The name of the server in commands. */
const serverId = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '') || 'holdfast';

function setupDetails(setup: ClientSetup, url: string, text: OAuthPageText): string {
  return `<details class="setup"><summary>${escaped(setup.client)}</summary>
${steps(setup, url, text)}
</details>`;
}

function steps(setup: ClientSetup, url: string, text: OAuthPageText): string {
  const { command, typed, file, hosted } = text.server;
  const step = (label: string, content: string) => `<p class="quiet">${escaped(label)}</p>\n${copyable(content, text)}`;
  if ('hosted' in setup) return step(hosted[setup.hosted], url);
  if ('file' in setup) return step(file(setup.file), setup.content);
  const first = step(command, setup.command);
  return setup.typed === undefined ? first : `${first}\n${step(typed(setup.client), setup.typed)}`;
}

const copyable = (content: string, { server }: OAuthPageText) =>
  `<div class="copyable" dir="ltr"><pre><code>${escaped(content)}</code></pre><button type="button" hidden data-copy="${escaped(content)}" data-copied="${escaped(server.copied)}">${escaped(server.copy)}</button></div>`;

const ICON = `<rect width="32" height="32" rx="8" fill="#2251cc"/><path d="M11 8v16M21 8v16M11 16h10" stroke="#fff" stroke-width="3.5" stroke-linecap="round"/>`;

/**
 * The icon of a tab. The icon of the setting is an image within this SVG, where its scripts do not run, even if the icon is
 * opened as a page.
 */
export function iconResponse({ icon }: Branding): Response {
  const content = icon === undefined ? ICON : `<image href="${escaped(icon)}" width="32" height="32"/>`;
  return new Response(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${content}</svg>`, {
    headers: {
      'Content-Type': 'image/svg+xml',
      'Content-Security-Policy': "default-src 'none'; img-src data:; frame-ancestors 'none'",
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'public, max-age=86400',
    },
  });
}
