import type { ClientIdentity } from '../../lambda/core/oauth/clients/oauth-client.ts';
import type { FacadeRules } from '../../lambda/core/oauth/facade.ts';
import { OAuthError } from '../../lambda/core/oauth/oauth-error.ts';
import { oauthPageText, type Problem } from '../../lambda/core/oauth/pages/oauth-page-text.ts';
import { consentPage, errorPage } from '../../lambda/core/oauth/pages/oauth-pages.ts';
import { ShownError } from '../../lambda/core/oauth/shown-error.ts';

/** What the pages are given; all of it may be seen on them. */
export const given = {
  client: `Zebra <Client> of the ${'z'.repeat(50)}oo`,
  domain: 'zebra.example',
  scopes: ['Use zebras & zoos', 'Keep zebra notes'],
  publicUrl: 'https://mcp.zebra.example',
  identityProvider: 'Zebra Sign-in',
  identityProviderScopes: ['openid', 'profile', 'email', 'offline_access', 'https://zebra.example/<stripes>'],
  targets: {
    'http://127.0.0.1:33418/callback': '127.0.0.1',
    'https://app.zebra.example/callback': 'app.zebra.example',
    [`zebra://callback/${'z'.repeat(50)}?a=<b>&c=d`]: 'zebra://',
  },
};

const rules: FacadeRules = {
  publicUrl: given.publicUrl,
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
  upstreamScopes: given.identityProviderScopes,
};

const identities: ClientIdentity[] = [
  { kind: 'domain', domain: given.domain },
  { kind: 'configured' },
  { kind: 'self-registered' },
];

const problems = Object.keys(oauthPageText.problems) as Problem[];

/** Those that can happen to programs as well. */
const byCode: { [problem in Problem]?: OAuthError } = {
  malformed: new OAuthError('invalid_request', 'zebra_uri is striped'),
  fault: new OAuthError('server_error', 'said to programs'),
  outage: new OAuthError('temporarily_unavailable', 'said to programs'),
};

/** Every page that the facade has, by a name for it. */
export async function everyPage(): Promise<[string, Response][]> {
  const consents = identities.flatMap((clientIdentity) =>
    Object.keys(given.targets).map((redirectUri): [string, Promise<Response>] => {
      const scopes = Object.keys(rules.scopes.scopes);
      const asked = { client: 'id', clientName: given.client, clientIdentity, redirectUri, scopes, challenge: 'x' };
      return [`consent ${clientIdentity.kind} ${redirectUri}`, consentPage(asked, rules, 'the-handle', 'cookie=x')];
    }),
  );
  const recording = (['digest', 'redacted'] as const).map((auditArguments): [string, Promise<Response>] => {
    const clientIdentity = identities[0]!;
    const redirectUri = Object.keys(given.targets)[0]!;
    const asked = { client: 'id', clientName: given.client, clientIdentity, redirectUri, scopes: [], challenge: 'x' };
    const page = consentPage(asked, { ...rules, auditArguments }, 'the-handle', 'cookie=x');
    return [`consent where arguments are recorded: ${auditArguments}`, page];
  });
  const naming = (['name', 'email'] as const).map((nameClaim): [string, Promise<Response>] => {
    const clientIdentity = identities[0]!;
    const redirectUri = Object.keys(given.targets)[0]!;
    const asked = { client: 'id', clientName: given.client, clientIdentity, redirectUri, scopes: [], challenge: 'x' };
    return [
      `consent where users are shown: ${nameClaim}`,
      consentPage(asked, { ...rules, nameClaim }, 'the-handle', 'cookie=x'),
    ];
  });
  const errors = problems.map((problem): [string, Promise<Response>] => {
    const error = byCode[problem] ?? new ShownError('invalid_request', problem, 'zebra_uri is striped');
    return [`error ${problem}`, errorPage(error)];
  });
  return Promise.all(
    [...consents, ...recording, ...naming, ...errors].map(
      async ([name, page]): Promise<[string, Response]> => [name, await page],
    ),
  );
}
