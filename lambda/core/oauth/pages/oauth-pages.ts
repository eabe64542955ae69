import { type Branding, DEFAULT_NAME } from '../../../shared/branding.ts';
import { pointsToLoopback } from '../../../shared/loopback.ts';
import { bytes } from '../../support/crypto.ts';
import { escaped } from '../../support/escaped-html.ts';
import { RETRY_AFTER_SECONDS } from '../../support/service-unavailable-error.ts';
import { quotedName, shorten, singleLine } from '../../support/untrusted-text.ts';
import type { AuthorizationRequest } from '../authorization-flow.ts';
import type { ClientIdentity } from '../clients/oauth-client.ts';
import type { FacadeRules } from '../facade.ts';
import { type FaultyDocument, isCuredByWaiting, type OAuthError, statusOf } from '../oauth-error.ts';
import { resourceOf } from '../resource-indicator.ts';
import { oauthPageText, type PageProblem } from './oauth-page-text.ts';

/**
 * The facade's two pages, consent and error. Plain HTML: no script, no resource of another host. Their text is
 * in `oauth-page-text.ts`.
 */

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --quiet: #57606a; --line: #d5dae0; --paper: #fff; --ground: #f3f5f7; --accent: #1f5fbf; --on-accent: #fff; --warn: #7a4b00; --warn-ground: #fff4dc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebee; --quiet: #a2abb5; --line: #3a424b; --paper: #1b2026; --ground: #111418; --accent: #7fb0ff; --on-accent: #0b1626; --warn: #ffd28a; --warn-ground: #3a2c10; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: clamp(.5rem, 3vw, 1rem); background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main { width: 100%; max-width: 34rem; padding: clamp(1.25rem, 6vw, 2rem); background: var(--paper); border: 1px solid var(--line); border-radius: 14px; overflow-wrap: anywhere; }
header { display: flex; align-items: center; gap: .6rem; margin-bottom: 1.25rem; font-weight: 600; }
header img { flex: none; width: 2rem; height: 2rem; object-fit: contain; }
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
a.button { display: inline-block; padding: .6rem 1rem; border-radius: 10px; border: 1px solid var(--quiet); color: inherit; font-weight: 600; text-decoration: none; }
button:focus-visible, a.button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

/**
 * Forbids scripts, resources and framing. `form-action` is absent on purpose: browsers apply it to the redirect that
 * answers the form, which leads to the identity provider.
 */
const policy = crypto.subtle
  .digest('SHA-256', bytes(STYLE))
  .then((digest) => btoa(String.fromCharCode(...new Uint8Array(digest))))
  .then((hash) => `default-src 'none'; style-src 'sha256-${hash}'; frame-ancestors 'none'; base-uri 'none'`);

/** The consent page. Every value that the client chose is escaped text. */
export function consentPage(
  request: AuthorizationRequest,
  rules: FacadeRules,
  handle: string,
  cookie: string,
): Promise<Response> {
  const { consent } = oauthPageText;
  const heading = consent.heading(quotedName(request.clientName));
  return page(
    rules.branding,
    heading,
    `<h1>${escaped(heading)}</h1>
<p class="quiet">${identityText(request.clientIdentity)}</p>
${redirectTarget(request.redirectUri)}
${consentDetails(request, rules)}
<form method="post" action="/consent">
<input type="hidden" name="request" value="${escaped(handle)}">
<button class="approve" name="answer" value="approve">${escaped(consent.approve)}</button>
<button name="answer" value="deny">${escaped(consent.deny)}</button>
</form>`,
    // `no-referrer` would make browsers send `Origin: null` with the form, and the consent endpoint checks the origin.
    { status: 200, headers: { 'Set-Cookie': cookie, 'Referrer-Policy': 'same-origin' } },
  );
}

function identityText(identity: ClientIdentity): string {
  const { domain, ...others } = oauthPageText.consent.identity;
  return identity.kind === 'domain' ? emphasised(domain, identity.domain) : escaped(others[identity.kind]);
}

/** The sentence with the inserted value emphasised, wherever the language puts it. */
const emphasised = (sentence: (value: string) => string, value: string) =>
  sentence('\0')
    .split('\0')
    .map(escaped)
    .join(`<strong>${escaped(value)}</strong>`);

/** The redirect URI with its host in large type (MCP 2026-07-28: the redirect host MUST be shown), and a loopback warning. */
function redirectTarget(redirectUri: string): string {
  const { consent } = oauthPageText;
  const { host, place } = describedTarget(redirectUri);
  const warning = place === 'loopback' ? `<p class="warning" role="note">${escaped(consent.loopbackWarning)}</p>` : '';
  return `<p class="target"><span class="quiet">${escaped(consent.returnTo)}</span><strong>${escaped(host)}</strong><code class="quiet">${escaped(redirectUri)}</code><span class="quiet">${escaped(consent.returnPlace[place])}</span></p>
${warning}`;
}

function describedTarget(uri: string): { host: string; place: keyof typeof oauthPageText.consent.returnPlace } {
  const { protocol, hostname, host } = new URL(uri);
  if (pointsToLoopback(uri)) return { host: hostname, place: 'loopback' };
  if (protocol === 'https:') return { host, place: 'website' };
  return { host: /^[^/]*\/{0,2}/.exec(uri)![0], place: 'application' };
}

/** The access that the client gets, and the data that the operator sees. */
function consentDetails({ scopes }: AuthorizationRequest, rules: FacadeRules): string {
  const { consent } = oauthPageText;
  const lifetime = consent.lifetimeOf({
    idleDays: days(rules.grantIdleSeconds),
    absoluteDays: days(rules.grantAbsoluteSeconds),
  });
  const seenAs = rules.nameClaim ? [consent.seenAs[rules.nameClaim]] : [];
  return `<dl>
${item(consent.scopes, ...scopes.map((scope) => rules.scopes.scopes[scope]?.description ?? scope))}
${item(consent.server, resourceOf(rules.publicUrl))}
${item(consent.identityProvider, rules.upstreamProviderName)}
${item(consent.upstreamScopes, consent.upstreamScopesOf(rules.upstreamScopes))}
${item(consent.lifetime, lifetime)}
${item(consent.recorded, consent.recordedOf[rules.auditArguments], ...seenAs)}
</dl>`;
}

const item = (term: string, ...descriptions: string[]) =>
  `<div><dt>${escaped(term)}</dt>${descriptions.map((each) => `<dd>${escaped(each)}</dd>`).join('')}</div>`;

const days = (seconds: number) => Math.round(seconds / 86400);

/** An error as the page shows it. */
type ShownError = Pick<OAuthError, 'code' | 'message' | 'page'> & Partial<Pick<OAuthError, 'status' | 'document'>>;
type PageRules = Pick<FacadeRules, 'branding'>;
type ProblemText = { heading: string; happened: string; next: string };

/** Characters of an address that a stranger chose. */
const LONGEST_ADDRESS = 120;

/**
 * The error page: what happened and what to do, and below it the protocol's own description for a developer.
 * @param back address of the error response to the client, for a button
 */
export function errorPage(error: ShownError, { branding }: PageRules, back?: string): Promise<Response> {
  const button = back === undefined ? '' : linkButton(back, oauthPageText.backTo(describedTarget(back).host));
  return problemPage(branding, error, oauthPageText.problems[error.page], button);
}

/** The error page of a sign-in to the dashboard. */
export function dashboardErrorPage(error: ShownError, { branding }: PageRules): Promise<Response> {
  const { problems, dashboardProblems, openDashboard } = oauthPageText;
  const texts: Record<PageProblem, ProblemText> = { ...problems, ...dashboardProblems };
  return problemPage(branding, error, texts[error.page], linkButton('/dashboard', openDashboard));
}

const linkButton = (href: string, label: string) =>
  `<p><a class="button" rel="noreferrer" href="${escaped(href)}">${escaped(label)}</a></p>\n`;

function problemPage(
  branding: Branding,
  { code, message, page: problem, status = statusOf(code), document }: ShownError,
  { heading, happened, next }: ProblemText,
  button: string,
): Promise<Response> {
  // The description of a failure addresses programs, and repeats what the page says.
  const detail = problem === 'unavailable' || problem === 'server-error' ? code : `${code}: ${message}`;
  return page(
    branding,
    heading,
    `<h1>${escaped(heading)}</h1>
<p>${escaped(happened)}</p>
${document === undefined ? '' : documentDetails(document)}<p>${escaped(next)}</p>
${button}<p class="detail quiet">${escaped(oauthPageText.detail)}<br><code lang="en">${escaped(detail)}</code></p>`,
    {
      status,
      headers: {
        'Referrer-Policy': 'no-referrer',
        ...(isCuredByWaiting(status) && { 'Retry-After': String(RETRY_AFTER_SECONDS) }),
      },
    },
  );
}

/** The address of the document is the choice of a stranger. */
function documentDetails({ url, reason }: FaultyDocument): string {
  const { address, host, reason: happened } = oauthPageText.document;
  const named = URL.parse(url)?.host;
  return `<dl>
${item(address, shorten(singleLine(url), LONGEST_ADDRESS))}
${named ? `${item(host, shorten(singleLine(named), LONGEST_ADDRESS))}\n` : ''}${item(happened, reason)}
</dl>
`;
}

async function page(
  { name = DEFAULT_NAME, icon }: Branding,
  title: string,
  body: string,
  init: { status: number; headers: Record<string, string> },
) {
  // An image runs no script of an SVG.
  const image = icon === undefined ? '' : `<img src="${escaped(icon)}" alt="">`;
  const html = `<!doctype html>
<html lang="${escaped(oauthPageText.language)}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><main>
<header>${image}<span>${escaped(name)}</span></header>
${body}
</main></body>
</html>
`;
  return new Response(html, {
    status: init.status,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': icon === undefined ? await policy : `${await policy}; img-src data:`,
      'X-Frame-Options': 'DENY',
      'X-Content-Type-Options': 'nosniff',
      'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
      'Cache-Control': 'no-store',
      ...init.headers,
    },
  });
}
