import { hasPrivateMembers } from '../../lambda/shared/jwk-members.ts';
import { isLoopbackUri } from '../../lambda/shared/loopback.ts';
import type { Stage } from './stage.ts';

/** A public key as a JWK (RFC 7517). */
export type PublicJwk = { readonly kty: string; readonly kid?: string; readonly [member: string]: unknown };

/** A client that the owner sets up by hand: one that cannot register itself, or that nobody else shall be. */
export interface PreregisteredClientSettings {
  /** What the client sends as its `client_id`. */
  readonly id: string;
  /** What users are shown. */
  readonly name: string;
  /** Where users are sent back to: the same string, or for loopback addresses the same but for the port. */
  readonly redirectUris: string[];
  /**
   * The client's public keys: it then has to sign its requests (`private_key_jwt`, RFC 7523).
   * @default - a public client
   */
  readonly jwks?: { readonly keys: PublicJwk[] };
}

export type AdmissionMode = 'open' | 'allow-list' | 'off';

/** Which clients may ask users to let them in. */
export interface ClientSettings {
  /**
   * Clients that are known beforehand.
   * @default []
   */
  readonly clients?: PreregisteredClientSettings[];
  /**
   * Clients whose id is the https address of a document that describes them (MCP's client ID metadata documents):
   * `open` lets in all, `allow-list` those of `clientDocumentHosts`, `off` none.
   * @default 'open'
   */
  readonly clientDocuments?: AdmissionMode;
  /**
   * Hosts whose documents are let in, such as claude.ai.
   * @default []
   */
  readonly clientDocumentHosts?: string[];
  /**
   * Clients that register themselves (RFC 7591): `open` lets in all, `allow-list` those that are answered at
   * `dynamicRegistrationRedirects` alone, `off` none, including those that had registered before.
   * @default 'open'
   */
  readonly dynamicRegistration?: AdmissionMode;
  /**
   * Hosts of redirect URIs, such as claude.ai or localhost, and schemes of native applications, such as cursor.
   * @default []
   */
  readonly dynamicRegistrationRedirects?: string[];
  /**
   * Fetches client documents from private addresses and other ports as well: whoever names such an address makes the
   * function send a request there. For tests on one computer; refused in prod.
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

/** What the OAuth function is told of them. */
export function admissionEnvironment(settings: Required<ClientSettings>) {
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

/** Lambda holds 4096 bytes of environment in all; the other variables have their share, and ARNs and hosts grow. */
const LARGEST_ENVIRONMENT = 2560;

const syntax = {
  /** Neither an address, which would name a document, nor an id that registration gives out. */
  id: /^(?!dcr_)[A-Za-z0-9._~-]{1,200}$/,
  host: /^(localhost|127\.0\.0\.1|\[::1\]|([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9])$/,
  publicHost: /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/,
};

/** What is insecure or cannot work, as sentences for the owner. */
export function* validateClients(
  settings: Required<ClientSettings> & { stage: Stage; redirectSchemes: string[] },
): Generator<string> {
  const { clients, redirectSchemes } = settings;
  yield* validateAdmission(settings, 'clientDocuments', 'clientDocumentHosts', (host) => syntax.publicHost.test(host));
  yield* validateAdmission(settings, 'dynamicRegistration', 'dynamicRegistrationRedirects', (entry) => {
    return syntax.host.test(entry) || redirectSchemes.includes(entry);
  });
  if (clients.length === 0 && settings.clientDocuments === 'off' && settings.dynamicRegistration === 'off') {
    yield 'clientDocuments and dynamicRegistration are off and clients is empty: no client could connect';
  }
  if (settings.unsafelyFetchClientDocumentsFromAnywhere && settings.stage === 'prod') {
    yield 'unsafelyFetchClientDocumentsFromAnywhere is true in prod: it is for tests on one computer';
  }
  const ids = clients.map(({ id }) => id);
  for (const [index, client] of clients.entries()) {
    const name = `clients[${index}]`;
    if (typeof client.id !== 'string' || !syntax.id.test(client.id)) {
      yield `${name}.id is ${quoted(client.id)}: use letters, digits and ._~- and do not begin with dcr_`;
    }
    if (ids.indexOf(client.id) < index) yield `${name}.id is ${quoted(client.id)}: another client has it`;
    if (typeof client.name !== 'string' || client.name.trim() === '')
      yield `${name}.name is empty: users are asked whether they trust it`;
    yield* validateRedirectUris(`${name}.redirectUris`, client.redirectUris, redirectSchemes);
    if (client.jwks !== undefined) yield* validateKeys(`${name}.jwks`, client.jwks?.keys);
  }
  const { length } = Buffer.from(
    [clients, settings.clientDocumentHosts, settings.dynamicRegistrationRedirects].map(quoted).join(''),
  );
  if (length > LARGEST_ENVIRONMENT) {
    yield `clients and the allow-lists have ${length} bytes as JSON: at most ${LARGEST_ENVIRONMENT} fit into the function's environment. Leave out clients that describe or register themselves, and members of keys that are not needed`;
  }
}

function* validateAdmission(
  settings: Required<ClientSettings>,
  mode: 'clientDocuments' | 'dynamicRegistration',
  list: 'clientDocumentHosts' | 'dynamicRegistrationRedirects',
  isEntry: (entry: string) => boolean,
): Generator<string> {
  const entries = settings[list];
  if (!['open', 'allow-list', 'off'].includes(settings[mode])) {
    yield `${mode} is ${quoted(settings[mode])}: choose open, allow-list or off`;
  }
  if (settings[mode] === 'allow-list' && entries.length === 0) {
    yield `${mode} is allow-list, and ${list} is empty: name who is let in, or choose off`;
  }
  if (settings[mode] !== 'allow-list' && entries.length > 0) {
    yield `${list} is given, and ${mode} is ${quoted(settings[mode])}: the list counts with allow-list alone`;
  }
  for (const entry of entries) {
    if (!isEntry(entry)) {
      const scheme = list === 'dynamicRegistrationRedirects' ? ', or one of redirectSchemes' : '';
      yield `${list} has ${quoted(entry)}: write a host name in lower case, without wildcards${scheme}`;
    }
  }
}

function* validateRedirectUris(name: string, uris: string[], schemes: string[]): Generator<string> {
  if (!Array.isArray(uris) || uris.length === 0) return yield `${name} is empty: users are sent back there`;
  for (const uri of uris) {
    const url = URL.parse(String(uri));
    const scheme = url?.protocol.slice(0, -1) ?? '';
    const isPlain = url !== null && !/[#*\s\\]/.test(uri) && url.username === '' && url.password === '';
    const isKnown = scheme === 'https' || isLoopbackUri(uri) || schemes.includes(scheme);
    if (!isPlain || !isKnown) {
      yield `${name} has ${quoted(uri)}: use https, http on a loopback address, or one of redirectSchemes, without user, fragment or wildcard`;
    }
  }
}

function* validateKeys(name: string, keys: PublicJwk[]): Generator<string> {
  if (!Array.isArray(keys) || keys.length === 0)
    return yield `${name}.keys is empty: leave out jwks for a public client`;
  for (const [index, key] of keys.entries()) {
    if (hasPrivateMembers(key)) {
      yield `${name}.keys[${index}] holds a private key: give the public one, and replace this one, since it has been shown`;
    } else if (!['EC', 'RSA', 'OKP'].includes(key.kty)) {
      yield `${name}.keys[${index}].kty is ${quoted(key.kty)}: choose EC, RSA or OKP`;
    }
  }
}

const quoted = (value: unknown) => JSON.stringify(value);
