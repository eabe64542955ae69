import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWK } from 'jose';
import Provider, { type ClientMetadata } from 'oidc-provider';
import {
  type ClientAuthenticationMethod,
  clientAuthenticationMethods,
} from '../../lambda/shared/upstream-authentication.ts';

/**
 * A real identity provider with a client for each authentication method, named after it. Runs in a child process, because
 * oidc-provider is an ES module and jest runs CommonJS. The first message starts it, and it answers with `{ issuer }`. Each
 * authenticated request of a client is then a message `{ path, method }`.
 */

export type AuthenticatingProviderOptions = { redirectUri: string; secret: string; publicKey: JWK };

process.once('message', async (options: AuthenticatingProviderOptions) =>
  process.send!({ issuer: await start(options) }),
);

async function start({ redirectUri, secret, publicKey }: AuthenticatingProviderOptions): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(issuer, {
    clients: clientAuthenticationMethods.map(
      (method): ClientMetadata => ({
        client_id: method,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: method,
        ...(method.startsWith('client_secret') && { client_secret: secret }),
        ...(method === 'private_key_jwt' && { jwks: { keys: [publicKey] } }),
      }),
    ),
    clientAuthMethods: [...clientAuthenticationMethods],
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
    interactions: { url: () => '/interaction' },
    issueRefreshToken: () => true,
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ accountId: oidc.account!.accountId, clientId: oidc.client!.clientId });
      grant.addOIDCScope('openid');
      await grant.save();
      return grant;
    },
  });
  provider.use(async (context, next) => {
    await next();
    const body = context.oidc?.body;
    if (body !== undefined)
      process.send!({ path: context.path, method: methodOf(context.headers.authorization, body) });
  });
  const answer = provider.callback();
  server.on('request', (request, response) => {
    // Signs ada in without a page.
    if (request.url === '/interaction')
      void provider.interactionFinished(request, response, { login: { accountId: 'ada' } });
    else answer(request, response);
  });
  return issuer;
}

/** The client authentication of a request, whether it is valid or not. */
function methodOf(authorization: string | undefined, body: Record<string, unknown>): ClientAuthenticationMethod {
  if (authorization !== undefined) return 'client_secret_basic';
  if (body.client_assertion !== undefined) return 'private_key_jwt';
  return body.client_secret === undefined ? 'none' : 'client_secret_post';
}
