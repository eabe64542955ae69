/**
 * Runs oidc-provider as an authorization server for MCP clients, configured to be as strict as the facade. It is a
 * separate process because oidc-provider does not load under jest. Prints the origin when ready; exits at the end of
 * standard input.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errors, Provider } from 'oidc-provider';

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const resource = `${origin}/mcp`;

const provider = new Provider(origin, {
  clients: [
    {
      client_id: 'oracle',
      redirect_uris: ['http://127.0.0.1/callback', 'https://c.example/cb'],
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
  ],
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
  responseTypes: ['code'],
  scopes: ['mcp', 'offline_access'],
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo(_, requested) {
        if (requested !== resource) throw new errors.InvalidTarget();
        return { scope: 'mcp', audience: resource, accessTokenFormat: 'jwt' };
      },
    },
  },
  routes: { authorization: '/authorize', token: '/token' },
  renderError(ctx, { error }) {
    ctx.type = 'text/html';
    // The form of the facade's error page.
    ctx.body = `<code lang="en">${error}</code>`;
  },
});
server.on('request', provider.callback());
console.log(origin);
process.stdin.resume().on('end', () => process.exit());
