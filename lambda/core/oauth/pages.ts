import { bytes } from '../digest.ts';
import { RETRY_AFTER_SECONDS } from '../outage.ts';
import type { ClientIdentity } from './client.ts';
import { type OAuthError, statusOf } from './error.ts';
import type { FacadeRules } from './facade.ts';
import type { AuthorizationRequest } from './flow.ts';
import { resourceOf } from './metadata.ts';
import { isLoopback } from './redirect-uri.ts';

/** The facade's two pages: the question, and what went wrong. Plain HTML: no script, no image, nothing from elsewhere. */

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --quiet: #57606a; --line: #d5dae0; --paper: #fff; --ground: #f3f5f7; --accent: #1f5fbf; --on-accent: #fff; --warn: #7a4b00; --warn-ground: #fff4dc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebee; --quiet: #a2abb5; --line: #3a424b; --paper: #1b2026; --ground: #111418; --accent: #7fb0ff; --on-accent: #0b1626; --warn: #ffd28a; --warn-ground: #3a2c10; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { width: 100%; max-width: 30rem; padding: 2rem; background: var(--paper); border: 1px solid var(--line); border-radius: 14px; }
h1 { margin: 0 0 .25rem; font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere; text-wrap: balance; }
p { margin: .5rem 0; }
.quiet { color: var(--quiet); font-size: .9rem; }
.target { margin: 1.25rem 0; padding: 1rem; border: 1px solid var(--line); border-radius: 10px; }
.target strong { display: block; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
.warning { padding: .75rem 1rem; border-radius: 10px; background: var(--warn-ground); color: var(--warn); }
dl { margin: 1.25rem 0; display: grid; gap: .75rem; }
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
form { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
button { flex: 1 1 10rem; min-height: 2.9rem; padding: .6rem 1rem; border-radius: 10px; border: 1px solid var(--line); background: transparent; color: inherit; font: inherit; font-weight: 600; cursor: pointer; }
button.approve { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

/**
 * Nothing may run, load or frame. `form-action` is absent on purpose: browsers apply it to where the form's answer
 * redirects, which is the identity provider.
 */
const policy = crypto.subtle
  .digest('SHA-256', bytes(STYLE))
  .then((digest) => btoa(String.fromCharCode(...new Uint8Array(digest))))
  .then((hash) => `default-src 'none'; style-src 'sha256-${hash}'; frame-ancestors 'none'; base-uri 'none'`);

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => entities[character]!);

/** Asks the user whether the client may act for them. Everything the client says of itself is shown as mere text. */
export function consentPage(
  asked: AuthorizationRequest,
  rules: FacadeRules,
  handle: string,
  cookie: string,
): Promise<Response> {
  const back = whereBackTo(asked.redirectUri);
  const warning = isLoopback(asked.redirectUri)
    ? '<p class="warning" role="note">The answer goes to a program on the computer you are using now. Approve only if you have just started connecting it yourself.</p>'
    : '';
  const scopes = asked.scopes.map((scope) => escaped(rules.scopes.scopes[scope]?.words ?? scope)).join('<br>');
  return page(
    `Connect ${asked.clientName}?`,
    `<h1>Connect ${escaped(asked.clientName)}?</h1>
<p class="quiet">${whoVouches(asked.clientIdentity)}</p>
<div class="target"><span class="quiet">After sign-in you are sent back to</span><strong>${escaped(back.to)}</strong><span class="quiet">${back.what}</span></div>
${warning}
<dl>
<div><dt>It may</dt><dd>${scopes}</dd></div>
<div><dt>On this server</dt><dd>${escaped(resourceOf(rules.publicUrl))}</dd></div>
<div><dt>You sign in with</dt><dd>${escaped(rules.identityProviderName)}</dd></div>
</dl>
<p class="quiet">The connection lasts until it is revoked, or is not used for ${days(rules.grantIdleSeconds)}.</p>
<form method="post" action="/consent">
<input type="hidden" name="request" value="${escaped(handle)}">
<button class="approve" name="answer" value="approve">Approve</button>
<button name="answer" value="deny">Deny</button>
</form>`,
    // `no-referrer` would make browsers send `Origin: null` with the form, which is checked.
    { status: 200, headers: { 'Set-Cookie': cookie, 'Referrer-Policy': 'same-origin' } },
  );
}

/** Who stands behind the client's name. */
function whoVouches(identity: ClientIdentity): string {
  switch (identity.kind) {
    case 'domain':
      return `Its description comes from <strong>${escaped(identity.domain)}</strong>.`;
    case 'configured':
      return 'This application was set up by the owner of this server.';
    case 'self-registered':
      return 'This application registered itself. Nobody has verified its name.';
  }
}

const days = (seconds: number) => {
  const count = Math.round(seconds / 86400);
  return count === 1 ? 'a day' : `${count} days`;
};

/** Where the answer goes, as the person who has to decide should see it (MCP 2026-07-28, redirect host MUST be shown). */
function whereBackTo(redirectUri: string): { to: string; what: string } {
  const { protocol, hostname, host } = new URL(redirectUri);
  if (isLoopback(redirectUri)) return { to: hostname, what: 'a program on this computer' };
  if (protocol === 'https:') return { to: host, what: 'a website' };
  return { to: `${protocol}//`, what: 'an application on this device' };
}

/** Says what went wrong and what to do. */
export function errorPage({ code, message }: OAuthError): Promise<Response> {
  const unavailable = code === 'temporarily_unavailable';
  return page(
    'Not connected',
    `<h1>${unavailable ? 'One moment, please' : 'This did not work'}</h1>
<p>${escaped(message)}</p>
<p class="quiet">Error: ${escaped(code)}</p>`,
    {
      status: statusOf(code),
      headers: {
        'Referrer-Policy': 'no-referrer',
        ...(unavailable && { 'Retry-After': String(RETRY_AFTER_SECONDS) }),
      },
    },
  );
}

async function page(title: string, body: string, init: { status: number; headers: Record<string, string> }) {
  const html = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main>
${body}
</main></body>
</html>
`;
  return new Response(html, {
    status: init.status,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': await policy,
      'X-Frame-Options': 'DENY',
      'X-Content-Type-Options': 'nosniff',
      'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
      'Cache-Control': 'no-store',
      ...init.headers,
    },
  });
}
