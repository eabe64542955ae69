import type { KnownAccount } from '../../lambda/core/identity/known-account.ts';
import type { AuthorizationRequest } from '../../lambda/core/oauth/authorization-flow.ts';
import { type ClientIdentity, displayName } from '../../lambda/core/oauth/clients/oauth-client.ts';
import type { FacadeRules } from '../../lambda/core/oauth/facade.ts';
import { oauthError } from '../../lambda/core/oauth/oauth-error.ts';
import { type OAuthPageText, oauthPageText, type PageProblem } from '../../lambda/core/oauth/pages/oauth-page-text.ts';
import { consentPage, dashboardErrorPage, errorPage } from '../../lambda/core/oauth/pages/oauth-pages.ts';
import { serverPage } from '../../lambda/core/oauth/pages/server-page.ts';

/** The inserted values of the pages, each of which may occur on one. */
export const given = {
  client: `Zebra <Client> of the ${'z'.repeat(50)}oo`,
  domain: 'zebra.example',
  scopes: ['Use zebras & zoos', 'Keep zebra notes'],
  publicUrl: 'https://mcp.zebra.example',
  name: 'Zebras & <Zoos>',
  identityProvider: 'Zebra Sign-in',
  account: 'zoe@<zebra>.example',
  identityProviderScopes: ['openid', 'profile', 'email', 'offline_access', 'https://zebra.example/<stripes>'],
  targets: {
    'http://127.0.0.1:33418/callback': '127.0.0.1',
    'https://app.zebra.example/callback': 'app.zebra.example',
    [`zebra://callback/${'z'.repeat(50)}?a=<b>&c=d`]: 'zebra://',
  },
  errorDescription: 'zebra_uri is striped',
  document: { url: 'https://zebra.example/<stripes>.json', reason: 'its zoo & host answered 404' },
};

export const pageRules: FacadeRules = {
  publicUrl: given.publicUrl,
  branding: {
    name: given.name,
    icon: `data:image/svg+xml;base64,${btoa('<svg xmlns="http://www.w3.org/2000/svg"/>')}`,
  },
  scopes: {
    scopes: { first: { description: given.scopes[0]! }, second: { description: given.scopes[1]! } },
    tools: {},
  },
  accessTokenSeconds: 3600,
  grantIdleSeconds: 30 * 86400,
  grantAbsoluteSeconds: 90 * 86400,
  refreshWindowSeconds: 60,
  redirectSchemes: ['zebra'],
  preregisteredClients: [],
  clientDocuments: { mode: 'open', allowed: [] },
  dynamicRegistration: { mode: 'open', allowed: [] },
  upstreamProviderName: given.identityProvider,
  auditArguments: 'no',
  auditErrors: 'class',
  logsTargets: false,
  upstreamScopes: given.identityProviderScopes,
  hasDashboard: true,
};

const identities: ClientIdentity[] = [
  { kind: 'domain', domain: given.domain },
  { kind: 'configured' },
  { kind: 'self-registered' },
];

const problems = Object.keys(oauthPageText.problems) as PageProblem[];

const account: KnownAccount = { user: 'zoe', name: given.account, isLogin: true };

type Shown = { account?: KnownAccount; text?: OAuthPageText };

function consent(
  change: Partial<AuthorizationRequest>,
  changedRules: Partial<FacadeRules>,
  { account: known, text = oauthPageText }: Shown,
) {
  const request: AuthorizationRequest = {
    client: 'id',
    clientName: given.client,
    clientIdentity: identities[0]!,
    redirectUri: Object.keys(given.targets)[0]!,
    scopes: [],
    challenge: 'x',
    ...change,
  };
  return consentPage(request, { ...pageRules, ...changedRules }, 'the-handle', 'cookie=x', text, known);
}

/** A name as long as a registration keeps it. */
const longestName = displayName('Zebra Assistant for the Whole Team, with Search in Every Notebook and Every Calendar');

/** Four scopes, one of which takes two lines. */
const fourScopes: FacadeRules['scopes'] = {
  scopes: {
    read: { description: 'Read your zebra notes' },
    write: { description: 'Write and delete your zebra notes' },
    share: { description: 'Share notes with members of your team' },
    calendar: { description: 'Read the calendars that you share with other people at the zoo' },
  },
  tools: {},
};

/** The consent page with the most that it shows at once: the longest name, four scopes, an icon, a loopback redirect, an account. */
export const fullestConsent = (text?: OAuthPageText): Promise<Response> =>
  consent(
    { clientName: longestName, clientIdentity: { kind: 'self-registered' }, scopes: Object.keys(fourScopes.scopes) },
    { scopes: fourScopes, upstreamProviderName: 'Amazon Cognito' },
    { account, ...(text && { text }) },
  );

/** The error page of a problem. The pages of a failure are those of the errors that fail. */
function errorOf(problem: PageProblem, text: OAuthPageText, show: typeof dashboardErrorPage = errorPage) {
  if (problem === 'unavailable') return show(oauthError('service_unavailable'), pageRules, text);
  if (problem === 'server-error') return show(oauthError('unexpected_error'), pageRules, text);
  const { document, errorDescription: message } = given;
  const isAboutDocument = problem === 'unusable-client' || problem === 'unreachable-client';
  const error = { code: 'invalid_request' as const, message, page: problem, ...(isAboutDocument && { document }) };
  return show(error, pageRules, text);
}

/** Every page of the facade, by a name for it. */
export async function everyPage(text = oauthPageText): Promise<[string, Response][]> {
  const scopes = Object.keys(pageRules.scopes.scopes);
  const pages: [string, Promise<Response>][] = [
    ...identities.flatMap((clientIdentity) =>
      Object.keys(given.targets).map((redirectUri): [string, Promise<Response>] => [
        `consent ${clientIdentity.kind} ${redirectUri}`,
        consent({ clientIdentity, redirectUri, scopes }, {}, { text }),
      ]),
    ),
    ...(['digest', 'redacted'] as const).map((auditArguments): [string, Promise<Response>] => [
      `consent where arguments are recorded: ${auditArguments}`,
      consent({}, { auditArguments }, { text }),
    ]),
    ['consent where prompts and resources are recorded', consent({}, { logsTargets: true }, { text })],
    ['consent where errors are kept', consent({}, { auditErrors: 'message' }, { text })],
    ...(['name', 'email'] as const).map((nameClaim): [string, Promise<Response>] => [
      `consent where users are shown: ${nameClaim}`,
      consent({}, { nameClaim }, { text }),
    ]),
    ['server', serverPage(pageRules, text)],
    [
      'server on this computer',
      serverPage({ ...pageRules, publicUrl: 'http://127.0.0.1:8787', hasDashboard: false }, text),
    ],
    ['consent with an account', consent({ scopes }, {}, { account, text })],
    [
      'consent with an unexpected account',
      consent({ scopes }, {}, { account: { ...account, isUnexpected: true }, text }),
    ],
    ...problems.map((problem): [string, Promise<Response>] => [`error ${problem}`, errorOf(problem, text)]),
    ...problems.map((problem): [string, Promise<Response>] => [
      `error of the dashboard ${problem}`,
      errorOf(problem, text, dashboardErrorPage),
    ]),
  ];
  return Promise.all(pages.map(async ([name, page]): Promise<[string, Response]> => [name, await page]));
}
