import { type Branding, DEFAULT_NAME } from '../../../shared/branding.ts';
import { pointsToLoopback } from '../../../shared/loopback.ts';
import type { KnownAccount } from '../../identity/known-account.ts';
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

/** Logical properties, so that a right-to-left page is the mirror image. */
const STYLE = `
:root { color-scheme: light dark; --ink: #16191d; --quiet: #59616b; --line: #e1e4e8; --edge: #c3c9d0; --paper: #fff; --ground: #f4f5f7; --accent: #2251cc; --accent-hover: #1b43ab; --on-accent: #fff; --warn: #704700; --warn-ground: #fff6e0; --warn-line: #f0d9a5; }
@media (prefers-color-scheme: dark) { :root { --ink: #eceef0; --quiet: #a3abb5; --line: #2c3239; --edge: #4a525c; --paper: #171b20; --ground: #0d1013; --accent: #8fb2ff; --accent-hover: #adc7ff; --on-accent: #0b1530; --warn: #ffd58f; --warn-ground: #2a2110; --warn-line: #4c3d1b; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: clamp(.5rem, 2vmin, 1.5rem); background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; -webkit-text-size-adjust: 100%; }
main { width: 100%; max-width: 30rem; padding: clamp(1.25rem, 5vw, 1.75rem); background: var(--paper); border: 1px solid var(--line); border-radius: 16px; box-shadow: 0 1px 2px rgb(0 0 0 / .04), 0 8px 24px rgb(0 0 0 / .06); overflow-wrap: anywhere; }
header { display: flex; align-items: center; gap: .625rem; margin-block-end: 1rem; font-weight: 600; }
header img { flex: none; width: 2rem; height: 2rem; object-fit: contain; border-radius: 8px; }
h1 { margin: 0; font-size: 1.375rem; line-height: 1.3; font-weight: 650; letter-spacing: -.01em; text-wrap: balance; }
h2 { margin: 0; color: var(--quiet); font-size: .875rem; font-weight: 400; }
p, ul { margin: .75rem 0; text-wrap: pretty; }
h1 + .quiet { margin-block: .25rem 1rem; }
.quiet { color: var(--quiet); font-size: .875rem; }
.quiet strong { color: var(--ink); font-weight: 600; }
.target { margin: 1rem 0; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: 12px; }
.target p { margin: 0; font-size: .875rem; }
.target [role] { margin-block-start: .375rem; font-weight: 600; }
.target div { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .625rem; }
.target strong { font-size: 1.375rem; line-height: 1.3; font-weight: 650; }
.warning { background: var(--warn-ground); border-color: var(--warn-line); color: var(--warn); }
.warning .quiet, .warning strong { color: inherit; }
ul { margin-block: .25rem 1rem; padding: 0; list-style: none; }
li { padding-inline-start: 1.5rem; }
li::before { content: "✓" / ""; float: inline-start; margin-inline-start: -1.5rem; color: var(--accent); font-weight: 700; }
.detail { margin: 1.5rem 0 0; padding-block-start: 1rem; border-block-start: 1px solid var(--line); }
code { font: .8125rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
dl { margin: 1rem 0 0; display: grid; gap: .75rem; font-size: .875rem; }
dt { color: var(--quiet); }
dd { margin: 0; text-wrap: pretty; }
fieldset { flex: 1 1 100%; display: flex; flex-wrap: wrap; gap: 0 1.5rem; margin: 0; padding: 0; border: 0; }
legend { padding: 0; margin-block-end: .25rem; }
label { display: flex; align-items: center; gap: .625rem; min-height: 1.75rem; cursor: pointer; }
input { flex: none; width: 1.125rem; height: 1.125rem; margin: 0; accent-color: var(--accent); }
.notice { margin-block-start: 0; padding: .625rem 1rem; border-radius: 10px; background: var(--warn-ground); color: var(--warn); font-size: .875rem; }
form > p { flex: 1 1 100%; margin: 0; }
form { display: flex; flex-wrap: wrap; gap: 1rem .75rem; margin: 1rem 0 0; }
button, a.button { min-height: 2.75rem; padding: .5rem 1rem; border-radius: 10px; border: 1px solid var(--edge); background: transparent; color: inherit; font: inherit; font-weight: 600; cursor: pointer; }
button { flex: 1 1 8rem; }
button:hover, a.button:hover { border-color: var(--quiet); }
button.approve { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.approve:hover { background: var(--accent-hover); border-color: var(--accent-hover); }
a.button { display: inline-block; text-decoration: none; }
details { margin-block-start: .75rem; }
summary { padding-block: .375rem; color: var(--quiet); font-size: .875rem; cursor: pointer; border-radius: 6px; }
button:focus-visible, a.button:focus-visible, summary:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
`;

/**
 * Forbids scripts, resources and framing. `form-action` is absent on purpose: browsers apply it to the redirect that
 * answers the form, which leads to the identity provider.
 */
const policy = crypto.subtle
  .digest('SHA-256', bytes(STYLE))
  .then((digest) => btoa(String.fromCharCode(...new Uint8Array(digest))))
  .then((hash) => `default-src 'none'; style-src 'sha256-${hash}'; frame-ancestors 'none'; base-uri 'none'`);

/**
 * The consent page. Its decision fits one screen; `details` folds the rest. Every value that the client chose is escaped
 * text.
 */
export function consentPage(
  request: AuthorizationRequest,
  rules: FacadeRules,
  handle: string,
  cookie: string,
  account?: KnownAccount,
): Promise<Response> {
  const { consent } = oauthPageText;
  const heading = consent.heading(quotedName(request.clientName));
  const scopes = request.scopes.map((scope) => rules.scopes.scopes[scope]?.description ?? scope);
  return page(
    rules.branding,
    heading,
    `${account?.isUnexpected ? `<p class="notice" role="status">${emphasised(consent.account.unexpected, account.name)}</p>\n` : ''}<h1>${escaped(heading)}</h1>
<p class="quiet">${identityText(request.clientIdentity)}</p>
${redirectTarget(request.redirectUri)}
<h2>${escaped(consent.scopes)}</h2>
<ul>${scopes.map((scope) => `<li>${escaped(scope)}</li>`).join('')}</ul>
<form method="post" action="/consent">
<input type="hidden" name="request" value="${escaped(handle)}">
${accountChoice(rules.upstreamProviderName, account)}
<button class="approve" name="answer" value="approve">${escaped(consent.approve)}</button>
<button name="answer" value="deny">${escaped(consent.deny)}</button>
</form>
${consentDetails(request, rules)}`,
    // `no-referrer` would make browsers send `Origin: null` with the form, and the consent endpoint checks the origin.
    { status: 200, headers: { 'Set-Cookie': cookie, 'Referrer-Policy': 'same-origin' } },
  );
}

/** The account that the user signs in with: the one that this browser knows, or another one. */
function accountChoice(provider: string, account: KnownAccount | undefined): string {
  const { signInWith, account: text } = oauthPageText.consent;
  if (account === undefined) return `<p class="quiet">${emphasised(signInWith, provider)}</p>`;
  return `<fieldset><legend class="quiet">${emphasised(text.signInAs, provider)}</legend>
<label><input type="radio" name="account" value="shown" checked><bdi>${escaped(account.name)}</bdi></label>
<label><input type="radio" name="account" value="other">${escaped(text.other)}</label></fieldset>`;
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

/** The host of the redirect URI in large type (MCP 2026-07-28: the redirect host MUST be shown), and a loopback warning. */
function redirectTarget(redirectUri: string): string {
  const { returnTo, returnPlace, loopbackWarning } = oauthPageText.consent;
  const { host, place } = describedTarget(redirectUri);
  const [style, warning] =
    place === 'loopback' ? [' warning', `\n<p role="note">${escaped(loopbackWarning)}</p>`] : ['', ''];
  return `<div class="target${style}">
<p class="quiet">${escaped(returnTo)}</p>
<div><strong>${escaped(host)}</strong><span class="quiet">${escaped(returnPlace[place])}</span></div>${warning}
</div>`;
}

function describedTarget(uri: string): { host: string; place: keyof typeof oauthPageText.consent.returnPlace } {
  const { protocol, hostname, host } = new URL(uri);
  if (pointsToLoopback(uri)) return { host: hostname, place: 'loopback' };
  if (protocol === 'https:') return { host, place: 'website' };
  return { host: /^[^/]*\/{0,2}/.exec(uri)![0], place: 'application' };
}

/** The folded part: the whole redirect URI, the server, the scopes at the provider, the lifetime, and the data that the operator sees. */
function consentDetails({ redirectUri }: AuthorizationRequest, rules: FacadeRules): string {
  const { consent } = oauthPageText;
  const lifetime = consent.lifetimeOf({
    idleDays: days(rules.grantIdleSeconds),
    absoluteDays: days(rules.grantAbsoluteSeconds),
  });
  const access = pointsToLoopback(redirectUri) ? [consent.loopbackAccess] : [];
  const seenAs = rules.nameClaim ? [consent.seenAs[rules.nameClaim]] : [];
  return `<details>
<summary>${escaped(consent.details)}</summary>
<dl>
${item(consent.returnAddress, redirectUri, ...access)}
${item(consent.server, resourceOf(rules.publicUrl))}
${item(consent.upstreamScopes(rules.upstreamProviderName), consent.upstreamScopesOf(rules.upstreamScopes))}
${item(consent.lifetime, lifetime)}
${item(consent.recorded, consent.recordedOf[rules.auditArguments], consent.errorsOf[rules.auditErrors], ...seenAs)}
</dl>
</details>`;
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
