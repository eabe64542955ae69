import { pointsToLoopback } from '../../../shared/loopback.ts';
import type { KnownAccount } from '../../identity/known-account.ts';
import { escaped } from '../../support/escaped-html.ts';
import { RETRY_AFTER_SECONDS } from '../../support/service-unavailable-error.ts';
import { quotedName, shorten, singleLine } from '../../support/untrusted-text.ts';
import type { AuthorizationRequest } from '../authorization-flow.ts';
import type { ClientIdentity } from '../clients/oauth-client.ts';
import type { FacadeRules } from '../facade.ts';
import { type FaultyDocument, isCuredByWaiting, type OAuthError, statusOf } from '../oauth-error.ts';
import { resourceOf } from '../resource-indicator.ts';
import type { OAuthPageText, PageProblem } from './oauth-page-text.ts';
import { htmlPage } from './page-frame.ts';

/** The facade's consent and error pages: no script, no resource of another host. */

/**
 * The consent page. Its decision fits one screen; `details` folds the rest. Every value that the client chose is escaped
 * text.
 */
export function consentPage(
  request: AuthorizationRequest,
  rules: FacadeRules,
  handle: string,
  cookie: string,
  text: OAuthPageText,
  account?: KnownAccount,
): Promise<Response> {
  const { consent } = text;
  const name = quotedName(request.clientName);
  const scopes = request.scopes.map((scope) => rules.scopes.scopes[scope]?.description ?? scope);
  return htmlPage({
    branding: rules.branding,
    text,
    title: consent.heading(name),
    body: `${account?.isUnexpected ? `<p class="notice" role="status">${emphasised(consent.account.unexpected, account.name)}</p>\n` : ''}<h1>${inserted(consent.heading, isolated(name, text))}</h1>
<p class="quiet">${identityText(request.clientIdentity, text)}</p>
${redirectTarget(request.redirectUri, text)}
<h2>${escaped(consent.scopes)}</h2>
<ul>${scopes.map((scope) => `<li>${escaped(scope)}</li>`).join('')}</ul>
<form method="post" action="/consent">
<input type="hidden" name="request" value="${escaped(handle)}">
${accountChoice(rules.upstreamProviderName, text, account)}
<button class="approve" name="answer" value="approve">${escaped(consent.approve)}</button>
<button name="answer" value="deny">${escaped(consent.deny)}</button>
</form>
${consentDetails(request, rules, text)}`,
    // `no-referrer` would make browsers send `Origin: null` with the form, and the consent endpoint checks the origin.
    headers: { 'Set-Cookie': cookie, 'Referrer-Policy': 'same-origin' },
  });
}

/** The account that the user signs in with: the one that this browser knows, or another one. */
function accountChoice(provider: string, { consent }: OAuthPageText, account: KnownAccount | undefined): string {
  const { signInAs, other } = consent.account;
  if (account === undefined) return `<p class="quiet">${emphasised(consent.signInWith, provider)}</p>`;
  return `<fieldset><legend class="quiet">${emphasised(signInAs, provider)}</legend>
<label><input type="radio" name="account" value="shown" checked><bdi>${escaped(account.name)}</bdi></label>
<label><input type="radio" name="account" value="other">${escaped(other)}</label></fieldset>`;
}

function identityText(identity: ClientIdentity, { consent }: OAuthPageText): string {
  const { domain, ...others } = consent.identity;
  return identity.kind === 'domain' ? emphasised(domain, identity.domain) : escaped(others[identity.kind]);
}

/** The sentence with the inserted value emphasised. */
const emphasised = (sentence: (value: string) => string, value: string) =>
  inserted(sentence, `<strong>${escaped(value)}</strong>`);

/** The sentence with the HTML inserted, wherever the language puts it. */
const inserted = (sentence: (value: string) => string, html: string) =>
  sentence('\0').split('\0').map(escaped).join(html);

const RIGHT_TO_LEFT =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/** A name whose direction may differ from that of the sentence around it. */
const isolated = (name: string, { direction }: OAuthPageText) =>
  direction === 'rtl' || RIGHT_TO_LEFT.test(name) ? `<bdi>${escaped(name)}</bdi>` : escaped(name);

/** The host of the redirect URI in large type (MCP 2026-07-28: the redirect host MUST be shown), and a loopback warning. */
function redirectTarget(redirectUri: string, { consent }: OAuthPageText): string {
  const { returnTo, returnPlace, loopbackWarning } = consent;
  const { host, place } = describedTarget(redirectUri);
  const [style, warning] =
    place === 'loopback' ? [' warning', `\n<p role="note">${escaped(loopbackWarning)}</p>`] : ['', ''];
  return `<div class="target${style}">
<p class="quiet">${escaped(returnTo)}</p>
<div><strong>${escaped(host)}</strong><span class="quiet">${escaped(returnPlace[place])}</span></div>${warning}
</div>`;
}

function describedTarget(uri: string): { host: string; place: keyof OAuthPageText['consent']['returnPlace'] } {
  const { protocol, hostname, host } = new URL(uri);
  if (pointsToLoopback(uri)) return { host: hostname, place: 'loopback' };
  if (protocol === 'https:') return { host, place: 'website' };
  return { host: /^[^/]*\/{0,2}/.exec(uri)![0], place: 'application' };
}

/** The folded part: the whole redirect URI, the server, the scopes at the provider, the lifetime, and the data that the operator sees. */
function consentDetails({ redirectUri }: AuthorizationRequest, rules: FacadeRules, { consent }: OAuthPageText): string {
  const lifetime = consent.lifetimeOf({
    idleDays: days(rules.grantIdleSeconds),
    absoluteDays: days(rules.grantAbsoluteSeconds),
  });
  const access = pointsToLoopback(redirectUri) ? [consent.loopbackAccess] : [];
  const targets = rules.logsTargets ? [consent.targets] : [];
  const seenAs = rules.nameClaim ? [consent.seenAs[rules.nameClaim]] : [];
  return `<details>
<summary>${escaped(consent.details)}</summary>
<dl>
${item(consent.returnAddress, redirectUri, ...access)}
${item(consent.server, resourceOf(rules.publicUrl))}
${item(consent.upstreamScopes(rules.upstreamProviderName), consent.upstreamScopesOf(rules.upstreamScopes))}
${item(consent.lifetime, lifetime)}
${item(consent.recorded, consent.recordedOf[rules.auditArguments], consent.errorsOf[rules.auditErrors], ...targets, ...seenAs)}
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
export function errorPage(error: ShownError, rules: PageRules, text: OAuthPageText, back?: string): Promise<Response> {
  const button = back === undefined ? '' : linkButton(back, text.backTo(describedTarget(back).host));
  return problemPage(rules, error, text, text.problems[error.page], button);
}

/** The error page of a sign-in to the dashboard. */
export function dashboardErrorPage(error: ShownError, rules: PageRules, text: OAuthPageText): Promise<Response> {
  const texts: Record<PageProblem, ProblemText> = { ...text.problems, ...text.dashboardProblems };
  return problemPage(rules, error, text, texts[error.page], linkButton('/dashboard', text.openDashboard));
}

const linkButton = (href: string, label: string) =>
  `<p><a class="button" rel="noreferrer" href="${escaped(href)}">${escaped(label)}</a></p>\n`;

function problemPage(
  { branding }: PageRules,
  { code, message, page: problem, status = statusOf(code), document }: ShownError,
  text: OAuthPageText,
  { heading, happened, next }: ProblemText,
  button: string,
): Promise<Response> {
  // The description of a failure addresses programs, and repeats what the page says.
  const detail = problem === 'unavailable' || problem === 'server-error' ? code : `${code}: ${message}`;
  return htmlPage({
    branding,
    text,
    title: heading,
    body: `<h1>${escaped(heading)}</h1>
<p>${escaped(happened)}</p>
${document === undefined ? '' : documentDetails(document, text)}<p>${escaped(next)}</p>
${button}<p class="detail quiet">${escaped(text.detail)}<br><code lang="en">${escaped(detail)}</code></p>`,
    status,
    headers: {
      'Referrer-Policy': 'no-referrer',
      ...(isCuredByWaiting(status) && { 'Retry-After': String(RETRY_AFTER_SECONDS) }),
    },
  });
}

/** The address of the document is the choice of a stranger. */
function documentDetails({ url, reason }: FaultyDocument, { document }: OAuthPageText): string {
  const { address, host, reason: happened } = document;
  const named = URL.parse(url)?.host;
  return `<dl>
${item(address, shorten(singleLine(url), LONGEST_ADDRESS))}
${named ? `${item(host, shorten(singleLine(named), LONGEST_ADDRESS))}\n` : ''}${item(happened, reason)}
</dl>
`;
}
