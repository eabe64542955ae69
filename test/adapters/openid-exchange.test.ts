import { openIdExchanger } from '../../lambda/adapters/openid-exchange.ts';
import { ServiceUnavailableError } from '../../lambda/core/support/service-unavailable-error.ts';
import type { ExchangeForm } from '../../lambda/shared/upstream-authentication.ts';
import {
  type ProviderProfile,
  type ProviderProfileName,
  providerProfiles,
} from '../../lib/settings/provider-profiles.ts';
import { Provider, type TokenAnswer } from '../support/fake-token-provider.ts';

/** The exchange of tokens as it goes over the wire. */

let provider: Provider;
let forms: URLSearchParams[];
const respond = (answer: TokenAnswer) => {
  provider.onExchange = async (form) => {
    forms.push(form);
    return answer;
  };
};
beforeAll(async () => {
  provider = await Provider.start();
});
afterAll(() => provider.stop());
beforeEach(() => {
  forms = [];
  respond({ body: { access_token: 'for orders', token_type: 'Bearer', expires_in: 600, issued_token_type: 'x' } });
});

const exchanger = (form?: ExchangeForm, authentication: ProviderProfile['authentication'] = 'client_secret_post') =>
  openIdExchanger({
    issuer: provider.issuer,
    clientId: provider.clientId,
    clientSecret: async () => 'secret',
    authentication,
    groupsIn: () => [],
    userInfo: false,
    now: () => 1_000,
    form,
  });
const sent = () => Object.fromEntries(forms[0]!);
const accessToken = 'urn:ietf:params:oauth:token-type:access_token';

test('by default the exchange has the form of RFC 8693', async () => {
  const request = { audience: 'orders', scopes: ['read', 'write'] };
  expect(await exchanger().exchange('of ada', request)).toEqual({ accessToken: 'for orders', expiresAt: 1_600 });
  expect(sent()).toEqual({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_id: provider.clientId,
    client_secret: 'secret',
    subject_token: 'of ada',
    subject_token_type: accessToken,
    requested_token_type: accessToken,
    audience: 'orders',
    scope: 'read write',
  });
});

test.each<[string, object, string]>([
  [
    'audience and scopes',
    { audience: 'api://orders', scopes: ['Read', 'Write'] },
    'api://orders/Read api://orders/Write',
  ],
  ['an audience alone', { audience: 'api://orders' }, 'api://orders/.default'],
  ['scopes alone', { scopes: ['https://graph.microsoft.com/User.Read'] }, 'https://graph.microsoft.com/User.Read'],
])('on-behalf-of has the audience in its scopes, with %s', async (_, request, scope) => {
  await exchanger('on-behalf-of').exchange('of ada', request);
  expect(sent()).toEqual({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    client_id: provider.clientId,
    client_secret: 'secret',
    assertion: 'of ada',
    requested_token_use: 'on_behalf_of',
    scope,
  });
});

/** The parameters of the request in the documentation of each provider, without those of client authentication. */
test.each<[ProviderProfileName, string, { audience: string; scopes?: string[] }, object]>([
  [
    'okta',
    'developer.okta.com/docs/guides/set-up-token-exchange',
    { audience: 'com.api.atko', scopes: ['api:access:read', 'api:access:write'] },
    { audience: 'com.api.atko', scope: 'api:access:read api:access:write' },
  ],
  [
    'auth0',
    'auth0.com/docs/secure/call-apis-on-users-behalf/on-behalf-of-token-exchange',
    { audience: 'https://my-api.example.com' },
    { requested_token_type: accessToken, audience: 'https://my-api.example.com' },
  ],
  [
    'keycloak',
    'keycloak.org/securing-apps/token-exchange',
    { audience: 'target-client', scopes: ['scope-1'] },
    { requested_token_type: accessToken, audience: 'target-client', scope: 'scope-1' },
  ],
])('the exchange at %s has the form that %s documents', async (name, _, request, parameters) => {
  const { exchange, authentication }: ProviderProfile = providerProfiles[name];
  await exchanger(exchange, authentication).exchange('of ada', request);
  const { client_id: _id, client_secret: _secret, ...form } = sent();
  expect(form).toEqual({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: 'of ada',
    subject_token_type: accessToken,
    ...parameters,
  });
  expect(_secret === undefined).toBe(authentication === 'client_secret_basic');
});

test('a token whose expiry the provider does not state is used for five minutes', async () => {
  respond({ body: { access_token: 'for orders', token_type: 'Bearer' } });
  expect(await exchanger().exchange('of ada', { audience: 'orders' })).toMatchObject({ expiresAt: 1_300 });
});

test.each([
  ['invalid_target', 400],
  ['access_denied', 403],
  ['unsupported_grant_type', 400],
  ['invalid_client', 401],
  ['interaction_required', 400],
])('the rejection %s is a sentence for the model that quotes nothing else of the provider', async (error, status) => {
  respond({ status, body: { error, error_description: 'secret details' } });
  const rejected = exchanger().exchange('of ada', { audience: 'orders' });
  await expect(rejected).rejects.toMatchObject({
    name: 'ExchangeRefusedError',
    reason: error,
    message: `The identity provider gives this user no token for "orders": ${error}`,
  });
});

test.each([
  ['an error of the provider', { status: 503, body: { error: 'temporarily_unavailable' } }],
  ['a limit of requests', { status: 429, body: { error: 'slow_down' } }],
  ['a page', { status: 502, body: '<html></html>' }],
  ['no token', { body: { token_type: 'Bearer' } }],
])('%s is an outage', async (_, answer) => {
  respond(answer);
  await expect(exchanger().exchange('of ada', { audience: 'orders' })).rejects.toThrow(ServiceUnavailableError);
});
