import * as oauth from 'oauth4webapi';
import type { ExchangeRequest, TokenExchanger } from '../core/identity/token-exchange.ts';
import { ExchangeRefusedError } from '../core/identity/upstream-provider.ts';
import { ServiceUnavailableError } from '../core/support/service-unavailable-error.ts';
import type { ExchangeForm } from '../shared/upstream-authentication.ts';
import { connect, type OpenIdClientOptions } from './openid.ts';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
/** Of a token whose expiry the provider does not state. */
const UNSTATED_SECONDS = 300;

/** The exchange of tokens at an OpenID provider. Loaded when a tool first asks for a token for another API. */
export function openIdExchanger(options: OpenIdClientOptions & { form: ExchangeForm | undefined }): TokenExchanger {
  const { form = 'token-exchange', now } = options;
  const { provider, options: requestOptions } = connect(options);
  const { grantType, parametersOf } = forms[form];
  return {
    async exchange(subjectToken, request) {
      const { server, client, authentication } = await provider();
      try {
        const response = await oauth.genericTokenEndpointRequest(
          server,
          client,
          authentication,
          grantType,
          parametersOf(subjectToken, request),
          requestOptions(),
        );
        const answer = await oauth.processGenericTokenEndpointResponse(server, client, response);
        return { accessToken: answer.access_token, expiresAt: now() + (answer.expires_in ?? UNSTATED_SECONDS) };
      } catch (error) {
        throw refusalIn(error, request) ?? new ServiceUnavailableError('The identity provider', error);
      }
    },
  };
}

type Form = {
  grantType: string;
  parametersOf: (subjectToken: string, request: ExchangeRequest) => Record<string, string>;
};

/** RFC 8693 §2.1. */
const tokenExchange: Form = {
  grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
  parametersOf: (subjectToken, { audience, scopes = [] }) => ({
    subject_token: subjectToken,
    subject_token_type: ACCESS_TOKEN,
    ...(audience !== undefined && { audience }),
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
  }),
};

const forms: Record<ExchangeForm, Form> = {
  'untyped-token-exchange': tokenExchange,
  'token-exchange': {
    ...tokenExchange,
    parametersOf: (...exchange) => ({
      ...tokenExchange.parametersOf(...exchange),
      requested_token_type: ACCESS_TOKEN,
    }),
  },
  // Microsoft identity platform, "On-Behalf-Of flow". It has no audience: the names of scopes begin with it.
  'on-behalf-of': {
    grantType: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    parametersOf: (subjectToken, { audience, scopes = ['.default'] }) => ({
      assertion: subjectToken,
      requested_token_use: 'on_behalf_of',
      scope: scopes.map((scope) => (audience === undefined ? scope : `${audience}/${scope}`)).join(' '),
    }),
  },
};

/** @returns undefined for a failure that waiting may cure */
function refusalIn(error: unknown, request: ExchangeRequest): ExchangeRefusedError | undefined {
  if (error instanceof oauth.ResponseBodyError && error.status < 500 && error.status !== 429) {
    return new ExchangeRefusedError(error.error, request.audience, error);
  }
  // A 401 with a challenge has failed client authentication (RFC 6749 §5.2).
  if (error instanceof oauth.WWWAuthenticateChallengeError && error.status === 401) {
    return new ExchangeRefusedError('invalid_client', request.audience, error);
  }
  return undefined;
}
