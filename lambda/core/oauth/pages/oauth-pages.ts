import { bytes } from '../../support/crypto.ts';
import { RETRY_AFTER_SECONDS } from '../../support/service-unavailable-error.ts';
import type { AuthorizationRequest } from '../authorization-flow.ts';
import type { ClientIdentity } from '../clients/oauth-client.ts';
import { isLoopback } from '../clients/redirect-uri.ts';
import { resourceOf } from '../endpoints/oauth-metadata.ts';
import type { FacadeRules } from '../facade.ts';
import { type OAuthError, statusOf } from '../oauth-error.ts';
import { ShownError } from '../shown-error.ts';
import { oauthPageText, type Problem } from './oauth-page-text.ts';

/**
 * The facade's two pages: the question, and what went wrong. Plain HTML: no script, no image, nothing from elsewhere.
 * What they say is in `texts.ts`.
 */

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --quiet: #57606a; --line: #d5dae0; --paper: #fff; --ground: #f3f5f7; --accent: #1f5fbf; --on-accent: #fff; --warn: #7a4b00; --warn-ground: #fff4dc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebee; --quiet: #a2abb5; --line: #3a424b; --paper: #1b2026; --ground: #111418; --accent: #7fb0ff; --on-accent: #0b1626; --warn: #ffd28a; --warn-ground: #3a2c10; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: clamp(.5rem, 3vw, 1rem); background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { width: 100%; max-width: 34rem; padding: clamp(1.25rem, 6vw, 2rem); background: var(--paper); border: 1px solid var(--line); border-radius: 14px; overflow-wrap: anywhere; }
h1 { margin: 0 0 .25rem; font-size: 1.35rem; line-height: 1.3; text-wrap: balance; }
p { margin: .75rem 0; text-wrap: pretty; }
h1 + .quiet { margin-top: .25rem; }
.quiet { color: var(--quiet); font-size: .9rem; }
.quiet strong { color: var(--ink); }
.target { margin: 1.25rem 0; padding: .9rem 1rem; border: 1px solid var(--line); border-radius: 10px; }
.target span, .target strong { display: block; }
.target strong { font-size: 1.5rem; line-height: 1.25; }
.target code { display: block; margin: .15rem 0 .4rem; }
.warning { padding: .75rem 1rem; border-radius: 10px; background: var(--warn-ground); color: var(--warn); }
.detail { margin: 1.5rem 0 0; padding-top: 1rem; border-top: 1px solid var(--line); }
code { font: .85rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
dl { margin: 1.25rem 0; display: grid; gap: .75rem; }
dt { color: var(--quiet); font-size: .85rem; }
dd { margin: 0; text-wrap: pretty; }
@media (min-width: 34rem) { dl > div { display: grid; grid-template-columns: 8.5rem 1fr; column-gap: 1rem; align-items: baseline; } dd { grid-column: 2; } }
form { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
button { flex: 1 1 10rem; min-height: 2.9rem; padding: .6rem 1rem; border-radius: 10px; border: 1px solid var(--quiet); background: transparent; color: inherit; font: inherit; font-weight: 600; cursor: pointer; }
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
  const { consent } = oauthPageText;
  const back = whereBackTo(asked.redirectUri);
  const question = consent.question(asked.clientName);
  const warning =
    back.place === 'loopback' ? `<p class="warning" role="note">${escaped(consent.loopbackWarning)}</p>` : '';
  const lifetime = consent.lifetimeOf({
    idleDays: days(rules.grantIdleSeconds),
    absoluteDays: days(rules.grantAbsoluteSeconds),
  });
  return page(
    question,
    `<h1>${escaped(question)}</h1>
<p class="quiet">${whoVouches(asked.clientIdentity)}</p>
<p class="target"><span class="quiet">${escaped(consent.backTo)}</span><strong>${escaped(back.to)}</strong><code class="quiet">${escaped(asked.redirectUri)}</code><span class="quiet">${escaped(consent.place[back.place])}</span></p>
${warning}
<dl>
${item(consent.scopes, ...asked.scopes.map((scope) => rules.scopes.scopes[scope]?.description ?? scope))}
${item(consent.server, resourceOf(rules.publicUrl))}
${item(consent.identityProvider, rules.upstreamProviderName)}
${item(consent.askedThere, consent.askedThereOf(rules.upstreamScopes))}
${item(consent.lifetime, lifetime)}
${item(consent.recorded, consent.recordedOf[rules.auditArguments], ...(rules.nameClaim ? [consent.seenAs[rules.nameClaim]] : []))}
</dl>
<form method="post" action="/consent">
<input type="hidden" name="request" value="${escaped(handle)}">
<button class="approve" name="answer" value="approve">${escaped(consent.approve)}</button>
<button name="answer" value="deny">${escaped(consent.deny)}</button>
</form>`,
    // `no-referrer` would make browsers send `Origin: null` with the form, which is checked.
    { status: 200, headers: { 'Set-Cookie': cookie, 'Referrer-Policy': 'same-origin' } },
  );
}

const item = (term: string, ...descriptions: string[]) =>
  `<div><dt>${escaped(term)}</dt>${descriptions.map((each) => `<dd>${escaped(each)}</dd>`).join('')}</div>`;

function whoVouches(identity: ClientIdentity): string {
  const { domain, ...others } = oauthPageText.consent.identity;
  return identity.kind === 'domain' ? emphasised(domain, identity.domain) : escaped(others[identity.kind]);
}

/** The sentence, with what is filled in set off, wherever the language has it. */
const emphasised = (sentence: (part: string) => string, part: string) =>
  sentence('\0')
    .split('\0')
    .map(escaped)
    .join(`<strong>${escaped(part)}</strong>`);

const days = (seconds: number) => Math.round(seconds / 86400);

/** Where the answer goes, as the person who has to decide should see it (MCP 2026-07-28, redirect host MUST be shown). */
function whereBackTo(redirectUri: string): { to: string; place: keyof typeof oauthPageText.consent.place } {
  const { protocol, hostname, host } = new URL(redirectUri);
  if (isLoopback(redirectUri)) return { to: hostname, place: 'loopback' };
  if (protocol === 'https:') return { to: host, place: 'website' };
  return { to: `${protocol}//`, place: 'application' };
}

/** Says what went wrong and what to do; below it, in the protocol's own words, what a developer would ask for. */
export function errorPage(error: OAuthError): Promise<Response> {
  const { code, message } = error;
  const problem = problemOf(error);
  const { heading, happened, next } = oauthPageText.problems[problem];
  // The message of an outage or a fault is for programs, and tells a person what this page has told them already.
  const detail = problem === 'outage' || problem === 'fault' ? code : `${code}: ${message}`;
  return page(
    heading,
    `<h1>${escaped(heading)}</h1>
<p>${escaped(happened)}</p>
<p>${escaped(next)}</p>
<p class="detail quiet">${escaped(oauthPageText.detail)}<br><code lang="en">${escaped(detail)}</code></p>`,
    {
      status: statusOf(code),
      headers: {
        'Referrer-Policy': 'no-referrer',
        ...(problem === 'outage' && { 'Retry-After': String(RETRY_AFTER_SECONDS) }),
      },
    },
  );
}

function problemOf(error: OAuthError): Problem {
  if (error instanceof ShownError) return error.problem;
  switch (error.code) {
    case 'temporarily_unavailable':
      return 'outage';
    case 'server_error':
      return 'fault';
    default:
      return 'malformed';
  }
}

async function page(title: string, body: string, init: { status: number; headers: Record<string, string> }) {
  const html = `<!doctype html>
<html lang="${escaped(oauthPageText.language)}">
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
