import { join } from 'node:path';
import { freePort } from '../../local/free-port.ts';
import { installOnce, ProviderProcess, runCommand } from './provider-process.ts';
import type { HoldfastClient, ProviderProduct, RealProvider } from './real-provider.ts';

const VERSION = '26.7.3';
const REALM = 'example';
const ADMIN = 'admin';

/** The distribution is an artefact of Maven Central. */
async function install(): Promise<string> {
  const artifact = `org.keycloak:keycloak-quarkus-dist:${VERSION}:zip`;
  const folder = await installOnce('keycloak', artifact, async (folder) => {
    const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.9.0:unpack';
    await runCommand('mvn', ['-q', plugin, `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`], { cwd: folder });
  });
  return join(folder, `keycloak-${VERSION}`, 'bin/kc.sh');
}

/** The administration API. The access token of its administrator lives for a minute, so each request has a new one. */
class KeycloakAdmin {
  readonly #origin: string;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** @throws Error for a response other than 2xx */
  async send<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.#origin}/admin/realms${path}`, {
      method,
      headers: { authorization: `Bearer ${await this.#token()}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} failed with ${response.status}: ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** The id of the only item in a list. */
  async idOf(path: string): Promise<string> {
    const found = await this.send<{ id: string }[]>('GET', `/${REALM}${path}`);
    if (found.length !== 1) throw new Error(`${path} has ${found.length} items`);
    return found[0]!.id;
  }

  async #token(): Promise<string> {
    const body = new URLSearchParams({
      grant_type: 'password',
      client_id: 'admin-cli',
      username: ADMIN,
      password: ADMIN,
    });
    const response = await fetch(`${this.#origin}/realms/master/protocol/openid-connect/token`, {
      method: 'POST',
      body,
    });
    return ((await response.json()) as { access_token: string }).access_token;
  }
}

/** As docs/identity-providers/keycloak.md describes, with the defaults of Keycloak's console. */
const holdfastClient = ({ id, secret, redirectUri }: HoldfastClient) => ({
  clientId: id,
  secret,
  redirectUris: [redirectUri],
  publicClient: false,
  standardFlowEnabled: true,
  directAccessGrantsEnabled: false,
  attributes: { 'pkce.code.challenge.method': 'S256' },
  protocolMappers: [groupMembership],
});

/** Its default writes groups as full paths. */
const groupMembership = {
  name: 'groups',
  protocol: 'openid-connect',
  protocolMapper: 'oidc-group-membership-mapper',
  config: {
    'claim.name': 'groups',
    'full.path': 'true',
    'id.token.claim': 'true',
    'access.token.claim': 'true',
    'userinfo.token.claim': 'true',
  },
};

/** Another API, which accepts tokens with its client id as their audience, and its scope. */
const ORDERS = 'orders';
const ORDERS_SCOPE = 'orders.read';

const MCP_SCOPE = 'mcp';

/** A client scope that gives access tokens the MCP server as their audience. Clients register with it, and request it. */
const mcpScope = (mcpUrl: string) => ({
  name: MCP_SCOPE,
  protocol: 'openid-connect',
  attributes: { 'include.in.token.scope': 'true' },
  protocolMappers: [
    {
      name: 'audience',
      protocol: 'openid-connect',
      protocolMapper: 'oidc-audience-mapper',
      config: { 'included.custom.audience': mcpUrl, 'access.token.claim': 'true' },
    },
    groupMembership,
  ],
});

async function start(folder: string): Promise<RealProvider> {
  const program = await install();
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const process = await ProviderProcess.start(
    program,
    ['start-dev', '--http-host=127.0.0.1', `--http-port=${port}`, '--db=dev-mem'],
    {
      cwd: folder,
      env: { KC_BOOTSTRAP_ADMIN_USERNAME: ADMIN, KC_BOOTSTRAP_ADMIN_PASSWORD: ADMIN },
      ready: `${origin}/realms/master/.well-known/openid-configuration`,
    },
  );
  const admin = new KeycloakAdmin(origin);
  await admin.send('POST', '', { realm: REALM, enabled: true });
  const userId = (user: string) => admin.idOf(`/users?exact=true&username=${user}`);
  const clientId = (client: string) => admin.idOf(`/clients?clientId=${client}`);
  const scopeId = async (scope: string) => {
    const scopes = await admin.send<{ id: string; name: string }[]>('GET', `/${REALM}/client-scopes`);
    return scopes.find(({ name }) => name === scope)!.id;
  };
  let holdfast = '';

  async function setGroups(user: string, names: string[]): Promise<void> {
    const id = await userId(user);
    const current = await admin.send<{ id: string }[]>('GET', `/${REALM}/users/${id}/groups`);
    for (const group of current) await admin.send('DELETE', `/${REALM}/users/${id}/groups/${group.id}`);
    for (const name of names) {
      const path = `/groups?exact=true&search=${name}`;
      const existing = await admin.send<{ id: string }[]>('GET', `/${REALM}${path}`);
      if (existing.length === 0) await admin.send('POST', `/${REALM}/groups`, { name });
      await admin.send('PUT', `/${REALM}/users/${id}/groups/${await admin.idOf(path)}`);
    }
  }

  return {
    origin,
    async registerHoldfast(client) {
      await admin.send('POST', `/${REALM}/clients`, holdfastClient(client));
      holdfast = await clientId(client.id);
    },
    async createUser(user, names) {
      await admin.send('POST', `/${REALM}/users`, {
        username: user,
        enabled: true,
        email: `${user}@example.com`,
        emailVerified: true,
        firstName: user,
        lastName: 'Example',
        credentials: [{ type: 'password', value: user, temporary: false }],
      });
      await setGroups(user, names);
    },
    setGroups,
    async disable(user) {
      await admin.send('PUT', `/${REALM}/users/${await userId(user)}`, { enabled: false });
    },
    formFields: (user) => ({ username: user, password: user }),
    async refreshTokensOf(user) {
      const path = `/${REALM}/users/${await userId(user)}/offline-sessions/${holdfast}`;
      return (await admin.send<unknown[]>('GET', path)).length;
    },
    async prepareExchange() {
      // “Standard token exchange” of the capability config, as docs/identity-providers/keycloak.md describes.
      const client = await admin.send<{ attributes: object }>('GET', `/${REALM}/clients/${holdfast}`);
      const attributes = { ...client.attributes, 'standard.token.exchange.enabled': 'true' };
      await admin.send('PUT', `/${REALM}/clients/${holdfast}`, { ...client, attributes });
      await admin.send('POST', `/${REALM}/clients`, { clientId: ORDERS, bearerOnly: true });
      const audience = { 'included.client.audience': ORDERS, 'access.token.claim': 'true' };
      const mapper = { name: 'audience', protocol: 'openid-connect', protocolMapper: 'oidc-audience-mapper' };
      await admin.send('POST', `/${REALM}/client-scopes`, {
        name: ORDERS_SCOPE,
        protocol: 'openid-connect',
        attributes: { 'include.in.token.scope': 'true' },
        protocolMappers: [{ ...mapper, config: audience }],
      });
      const id = await scopeId(ORDERS_SCOPE);
      await admin.send('PUT', `/${REALM}/clients/${holdfast}/optional-client-scopes/${id}`);
    },
    async prepareDirectMode(mcpUrl) {
      // Its defaults for anonymous registration: trusted hosts only, and consent with a page that has two buttons.
      const type = 'org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy';
      const policies = await admin.send<{ id: string; providerId: string; subType: string }[]>(
        'GET',
        `/${REALM}/components?type=${type}`,
      );
      const removed = ['trusted-hosts', 'allowed-client-templates', 'consent-required'];
      for (const { id, providerId, subType } of policies) {
        if (subType === 'anonymous' && removed.includes(providerId)) {
          await admin.send('DELETE', `/${REALM}/components/${id}`);
        }
      }
      await admin.send('POST', `/${REALM}/client-scopes`, mcpScope(mcpUrl));
      await admin.send('PUT', `/${REALM}/default-optional-client-scopes/${await scopeId(MCP_SCOPE)}`);
    },
    stop: () => process.stop(),
  };
}

export const keycloak: ProviderProduct = {
  name: 'keycloak',
  title: `Keycloak ${VERSION}`,
  settings: { idpProfile: 'keycloak' },
  disabledUser: 'signs in',
  issuesUnrequestedRefreshTokens: false,
  exchange: { audience: ORDERS, scopes: [ORDERS_SCOPE] },
  issuerPath: `/realms/${REALM}`,
  direct: { settings: { idpProfile: 'keycloak', idpScopes: MCP_SCOPE } },
  start,
};
