import { Token } from 'aws-cdk-lib/core';
import { redirectUseFault } from '../../lambda/shared/redirect-uri-rules.ts';
import type { AssertionSettings } from './machines/assertion-settings.ts';
import type { MachineClientSettings } from './machines/machine-client-settings.ts';
import { type PublicJwk, validateKeys } from './machines/public-keys.ts';
import { hasSyntax, quoted, validateChoice, type WithDefaults } from './setting-validation.ts';
import type { Stage } from './stage.ts';

/** A client that you register in the configuration, because it cannot register itself or must be the only one. */
export interface PreregisteredClientSettings {
  /** The `client_id` that the client sends. */
  readonly id: string;
  /** The name that the consent page shows. */
  readonly name: string;
  /** The redirect URIs, compared as strings; the port of a loopback URI may differ (RFC 8252 §7.3). */
  readonly redirectUris: string[];
  /**
   * The client's public keys. The client then has to authenticate with `private_key_jwt` (RFC 7523).
   * @default - a public client
   */
  readonly jwks?: { readonly keys: PublicJwk[] };
}

export type AdmissionMode = 'open' | 'allow-list' | 'off';

/** The clients that may request authorization from users. */
export interface ClientSettings {
  /**
   * Pre-registered clients.
   * @default []
   */
  readonly clients?: PreregisteredClientSettings[];
  /**
   * Clients whose id is the https URL of a client ID metadata document: `open` admits all, `allow-list` those of
   * `clientDocumentHosts`, `off` none.
   * @default 'open'
   */
  readonly clientDocuments?: AdmissionMode;
  /**
   * Hosts whose client ID metadata documents are admitted, such as claude.ai.
   * @default []
   */
  readonly clientDocumentHosts?: string[];
  /**
   * Clients that register dynamically (RFC 7591): `open` admits all, `allow-list` those whose redirect URIs are all in
   * `dynamicRegistrationRedirects`, `off` none, including those already registered.
   * @default 'open'
   */
  readonly dynamicRegistration?: AdmissionMode;
  /**
   * Hosts of redirect URIs, such as claude.ai or localhost, and schemes of native applications, such as cursor.
   * @default []
   */
  readonly dynamicRegistrationRedirects?: string[];
  /**
   * Fetches client ID metadata documents from private addresses and other ports as well, which lets any caller make the
   * function send a request there (SSRF). For tests on one computer; rejected in prod.
   * @default false
   */
  readonly unsafelyFetchClientDocumentsFromAnywhere?: boolean;
}

export const clientDefaults = {
  clients: [],
  clientDocuments: 'open',
  clientDocumentHosts: [],
  dynamicRegistration: 'open',
  dynamicRegistrationRedirects: [],
  unsafelyFetchClientDocumentsFromAnywhere: false,
} satisfies ClientSettings;

type ResolvedClientSettings = WithDefaults<ClientSettings, typeof clientDefaults>;

/** The settings as environment variables of the OAuth function. */
export function admissionEnvironment(settings: ResolvedClientSettings) {
  return {
    CLIENTS: JSON.stringify(settings.clients),
    CLIENT_DOCUMENTS: settings.clientDocuments,
    CLIENT_DOCUMENT_HOSTS: settings.clientDocumentHosts.join(' '),
    DYNAMIC_REGISTRATION: settings.dynamicRegistration,
    DYNAMIC_REGISTRATION_REDIRECTS: settings.dynamicRegistrationRedirects.join(' '),
    UNSAFELY_FETCH_CLIENT_DOCUMENTS_FROM_ANYWHERE: settings.unsafelyFetchClientDocumentsFromAnywhere
      ? 'true'
      : undefined,
  };
}

/** Lambda limits all environment variables to 4096 bytes; the rest is for the other variables, with long ARNs and hosts. */
const MAX_ENVIRONMENT_BYTES = 2560;

const syntax = {
  /** Neither a URL, which names a metadata document, nor an id that dynamic registration issues. */
  id: /^(?!dcr_)[A-Za-z0-9._~-]{1,200}$/,
  host: /^(localhost|127\.0\.0\.1|\[::1\]|([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9])$/,
  publicHost: /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/,
};

/** Yields an error message for each setting that is insecure or cannot work. */
export function* validateClients(
  settings: ResolvedClientSettings &
    MachineClientSettings &
    AssertionSettings & { stage: Stage; redirectSchemes: string[] },
): Generator<string> {
  const { clients, redirectSchemes } = settings;
  yield* validateAdmission(settings, 'clientDocuments', 'clientDocumentHosts', (host) =>
    hasSyntax(syntax.publicHost, host),
  );
  yield* validateAdmission(settings, 'dynamicRegistration', 'dynamicRegistrationRedirects', (entry) => {
    return hasSyntax(syntax.host, entry) || redirectSchemes.includes(entry);
  });
  if (clients.length === 0 && settings.clientDocuments === 'off' && settings.dynamicRegistration === 'off') {
    yield 'clientDocuments and dynamicRegistration are off and clients is empty: admit at least one client';
  }
  if (settings.unsafelyFetchClientDocumentsFromAnywhere && settings.stage === 'prod') {
    yield 'unsafelyFetchClientDocumentsFromAnywhere is true in prod: use it for tests on one computer only';
  }
  const ids = clients.map(({ id }) => id);
  for (const [index, client] of clients.entries()) {
    if (ids.indexOf(client.id) < index) yield `clients[${index}].id is ${quoted(client.id)}: another client has it`;
    yield* validateClient(`clients[${index}]`, client, redirectSchemes);
  }
  yield* validateEnvironmentSize(settings);
}

function* validateAdmission(
  settings: ResolvedClientSettings,
  mode: 'clientDocuments' | 'dynamicRegistration',
  list: 'clientDocumentHosts' | 'dynamicRegistrationRedirects',
  isValidEntry: (entry: string) => boolean,
): Generator<string> {
  const entries = settings[list];
  yield* validateChoice(mode, settings[mode], ['open', 'allow-list', 'off']);
  if (settings[mode] === 'allow-list' && entries.length === 0) {
    yield `${mode} is allow-list and ${list} is empty: list the clients to admit, or choose off`;
  }
  if (settings[mode] !== 'allow-list' && entries.length > 0) {
    yield `${list} is set and ${mode} is ${quoted(settings[mode])}: the list applies to allow-list only`;
  }
  for (const entry of entries) {
    if (!isValidEntry(entry)) {
      const scheme = list === 'dynamicRegistrationRedirects' ? ', or one of redirectSchemes' : '';
      yield `${list} has ${quoted(entry)}: write a host name in lower case, without wildcards${scheme}`;
    }
  }
}

function* validateClient(
  name: string,
  client: PreregisteredClientSettings,
  redirectSchemes: string[],
): Generator<string> {
  if (typeof client.id !== 'string' || !hasSyntax(syntax.id, client.id)) {
    yield `${name}.id is ${quoted(client.id)}: use letters, digits and ._~- and do not begin with dcr_`;
  }
  if (typeof client.name !== 'string' || client.name.trim() === '') {
    yield `${name}.name is ${quoted(client.name)}: write the name that the consent page shows`;
  }
  yield* validateRedirectUris(`${name}.redirectUris`, client.redirectUris, redirectSchemes);
  if (client.jwks !== undefined) yield* validateKeys(`${name}.jwks`, client.jwks?.keys);
}

function* validateRedirectUris(name: string, uris: string[], schemes: string[]): Generator<string> {
  if (!Array.isArray(uris) || uris.length === 0) return yield `${name} is empty: list at least one redirect URI`;
  for (const uri of uris) {
    const fault = Token.isUnresolved(uri) ? undefined : redirectUseFault(String(uri), schemes);
    if (fault !== undefined) {
      yield `${name} has ${quoted(uri)}: ${fault}. Use https, http on a loopback address, or one of redirectSchemes`;
    }
  }
}

function* validateEnvironmentSize(
  settings: ResolvedClientSettings & MachineClientSettings & AssertionSettings,
): Generator<string> {
  const { clients, clientDocumentHosts, dynamicRegistrationRedirects } = settings;
  const { machineClients = {}, workloads = [], enterpriseIssuers = [] } = settings;
  const variables = [
    clients,
    clientDocumentHosts,
    dynamicRegistrationRedirects,
    machineClients,
    workloads,
    enterpriseIssuers,
  ];
  const { length } = Buffer.from(variables.map(quoted).join(''));
  if (length > MAX_ENVIRONMENT_BYTES) {
    yield `workloads, enterpriseIssuers, machineClients, clients and the allow-lists have ${length} bytes as JSON: at most ${MAX_ENVIRONMENT_BYTES} fit into the function's environment. Remove clients that describe or register themselves, use jwksUri, or add machine clients by npx holdfast clients add`;
  }
}
