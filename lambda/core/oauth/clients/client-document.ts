import type { JSONWebKeySet } from 'jose';
import * as z from 'zod/mini';
import { hasPrivateMembers } from '../../../shared/jwk-members.ts';
import { parseJson } from '../../support/json.ts';
import { type ClientKeys, displayName } from './oauth-client.ts';

/**
 * Client ID metadata documents (MCP 2026-07-28; draft-ietf-oauth-client-id-metadata-document): a client describes itself
 * at the URL that is its id. Every input of this file is chosen by strangers.
 */

/** `rejected`: waiting does not cure it. `unreachable`: its host did not answer. `delayed`: others are fetched first. */
export type DocumentFault = 'rejected' | 'unreachable' | 'delayed';

/**
 * A client's document cannot be used. Strangers cause it, so it is never an outage. The message goes to the user and to the
 * client.
 */
export class ClientDocumentError extends Error {
  override readonly name = 'ClientDocumentError';
  readonly fault: DocumentFault;

  constructor(reason: string, fault: DocumentFault = 'rejected') {
    super(reason);
    this.fault = fault;
  }
}

export type ClientMetadata = { name: string; redirectUris: string[]; keys?: ClientKeys };

/** Which URLs may be fetched. */
export type FetchReach = {
  /** Host and port of this server, which must not be made to request itself. */
  ownHost: string;
  /** Lifts the limits to public hosts and port 443, for tests on one computer. */
  anywhere: boolean;
};

const LONGEST_URL = 1024;

/** A host with a dot, whose last label is not a number: a single label is a local name, a numeric one an IP address. */
const publicName = /^([a-z0-9_-]+\.)+[a-z][a-z0-9-]*$/;

/**
 * Whether a URL that a stranger chose may be fetched: https, public name, port 443, with a path. It must be in the form
 * in which it is requested, which excludes dot segments, user names, tabs and the many spellings of an IP address. A
 * client id has no query (draft §3: SHOULD NOT), because ids that differ only in a query look the same to a user.
 */
export function mayFetch(address: string, kind: 'client-id' | 'keys', { ownHost, anywhere }: FetchReach): boolean {
  if (address.length > LONGEST_URL || address.includes('#')) return false;
  const url = URL.parse(address);
  if (url?.href !== address || url.protocol !== 'https:' || url.username || url.password) return false;
  if (kind === 'client-id' && (url.pathname === '/' || address.includes('?'))) return false;
  if (url.host === ownHost) return false;
  return anywhere || (url.port === '' && publicName.test(url.hostname));
}

/** A JWK set (RFC 7517 §5) of public keys. */
export const publicKeySet = z.object({
  keys: z.array(z.looseObject({ kty: z.string() })).check(
    z.minLength(1),
    z.maxLength(50),
    z.refine((keys) => !keys.some(hasPrivateMembers), 'contains a private key'),
  ),
});

const document = z.looseObject({
  client_id: z.string(),
  client_name: z.string().check(z.minLength(1)),
  redirect_uris: z.array(z.string().check(z.maxLength(2048))).check(z.minLength(1), z.maxLength(50)),
  token_endpoint_auth_method: z.nullish(z.enum(['none', 'private_key_jwt'])),
  jwks: z.nullish(publicKeySet),
  jwks_uri: z.nullish(z.string()),
});

/**
 * Validates a client's document. Grant types, response types and other members without a use here are ignored: the
 * document of ChatGPT has some that no MCP server supports.
 *
 * @param clientId the URL that the document was fetched from
 */
export function readClientMetadata(text: string, clientId: string, reach: FetchReach): ClientMetadata {
  const metadata = parse(document, text);
  if (metadata.client_id !== clientId) throw new ClientDocumentError('client_id is not the URL of the document');
  // The name of the member is not repeated: its end is free text.
  const hasSecret = Object.keys(metadata).some((member) => member.startsWith('client_secret'));
  if (hasSecret) throw new ClientDocumentError('a member client_secret… is not allowed in a public document');
  const client = { name: displayName(metadata.client_name), redirectUris: metadata.redirect_uris };
  if (metadata.token_endpoint_auth_method !== 'private_key_jwt') return client;
  const { jwks, jwks_uri } = metadata;
  if (jwks && !jwks_uri) return { ...client, keys: { jwks: jwks as JSONWebKeySet } };
  if (!jwks_uri || jwks) throw new ClientDocumentError('private_key_jwt needs either jwks or jwks_uri');
  if (!mayFetch(jwks_uri, 'keys', reach)) throw new ClientDocumentError('jwks_uri is not a public https URL');
  return { ...client, keys: { jwksUri: jwks_uri } };
}

export const readKeySet = (text: string): JSONWebKeySet => parse(publicKeySet, text) as JSONWebKeySet;

/** @throws ClientDocumentError */
export function readJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    throw new ClientDocumentError('it is not JSON');
  }
}

function parse<T extends z.core.$ZodType>(schema: T, text: string): z.output<T> {
  const result = z.safeParse(schema, readJson(text));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ClientDocumentError(`${issue?.path.join('.') || 'it'}: ${issue?.message}`);
}
