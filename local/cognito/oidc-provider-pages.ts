import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { demoUsers } from './demo-users.ts';

/** The pages of the local identity provider: plain forms without scripts and without external resources. */

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --quiet: #57606a; --line: #8a939d; --paper: #fff; --ground: #eef1f4; --accent: #1f5fbf; --on-accent: #fff; --bad: #a40e26; --bad-ground: #ffecec; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebee; --quiet: #a2abb5; --line: #6b7681; --paper: #1b2026; --ground: #111418; --accent: #7fb0ff; --on-accent: #0b1626; --bad: #ffb3b8; --bad-ground: #3d1a1e; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { width: 100%; max-width: 24rem; padding: 2rem; background: var(--paper); border-radius: 14px; box-shadow: 0 1px 3px #0003; }
h1 { margin: 0 0 .25rem; font-size: 1.35rem; line-height: 1.3; text-wrap: balance; }
p { margin: .5rem 0; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); font-size: .9rem; }
.alert { margin-top: 1rem; padding: .75rem 1rem; border-radius: 10px; background: var(--bad-ground); color: var(--bad); }
form { display: grid; gap: .35rem; margin: 1.25rem 0 1.5rem; }
label { margin-top: .65rem; font-weight: 600; font-size: .9rem; }
input { width: 100%; min-height: 2.9rem; padding: .6rem .8rem; border: 1px solid var(--line); border-radius: 10px; background: transparent; color: inherit; font: inherit; }
button { min-height: 2.9rem; margin-top: 1.25rem; padding: .6rem 1rem; border: 0; border-radius: 10px; background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer; }
:is(input, button):focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
code { font-family: ui-monospace, monospace; }
`;

/** Without `form-action`: browsers apply it to the redirect that follows the form, which leads to the client. */
const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'`;

export const pageHeaders = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': policy,
  'X-Frame-Options': 'DENY',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
};

export function sendPage(response: ServerResponse, status: number, page: string): void {
  response.writeHead(status, pageHeaders).end(page);
}

/** @param given the user name of the failed attempt, or of the account that the client expects */
export function signInPage(given: { username?: string | undefined; isRejected?: boolean }): string {
  const { username = '', isRejected = false } = given;
  const isKnown = username !== '';
  const invalid = isRejected ? ' aria-invalid="true" aria-describedby="problem"' : '';
  const alert = isRejected
    ? '<p class="alert" id="problem" role="alert">The user name or the password is wrong.</p>'
    : '';
  const names = demoUsers.map(({ username }) => `<code>${username}</code>`);
  return page(
    'Sign in',
    `<h1>Sign in</h1>
<p class="quiet">to continue to your MCP server</p>
${alert}
<form method="post">
<label for="username">User name</label>
<input id="username" name="username" value="${escaped(username)}" autocomplete="username" autocapitalize="none" spellcheck="false" required${isKnown ? '' : ' autofocus'}${invalid}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${isKnown ? ' autofocus' : ''}${invalid}>
<button>Sign in</button>
</form>
<p class="quiet">This is the demo identity provider on your computer. Its users are ${names.slice(0, -1).join(', ')} and ${names.at(-1)}; each password is the user name.</p>`,
  );
}

export function signedOutPage(): string {
  return page('Signed out', '<h1>You are signed out</h1>\n<p>The next sign-in asks for your user name again.</p>');
}

/** @param code a stable error code, e.g. `invalid_request` */
export function errorPage(code: string, description = ''): string {
  return page(
    'Sign-in failed',
    `<h1>Sign-in failed</h1>
<p>${escaped(description)}</p>
<p class="quiet">Error: ${escaped(code)}. Start the sign-in again from your assistant.</p>`,
  );
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

const escaped = (value: string) => value.replace(/[&<>"']/g, (character) => entities[character]!);

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${STYLE}</style></head>
<body><main>
${body}
</main></body>
</html>
`;
}
