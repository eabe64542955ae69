import type { JSONWebKeySet } from 'jose';
import * as z from 'zod/mini';
import { type ClientKeys, displayName } from './oauth-client.ts';

/**
 * What a client says of itself at the address that is its id (MCP 2026-07-28, client ID metadata documents;
 * draft-ietf-oauth-client-id-metadata-document). Everything here was written by strangers.
 */

/** The address, or what was found there, cannot be used. The message goes to the user and to the client. */
export class ClientDocumentError extends Error {
  override readonly name = 'DocumentRefused';
}

export type ClientMetadata = { name: string; redirectUris: string[]; keys?: ClientKeys };

/** Which addresses may be fetched. */
export type FetchReach = {
  /** The host of this server, with its port: it must not be made to ask itself. */
  ownHost: string;
  /** Lifts what keeps requests to public hosts and port 443: for tests on one computer. */
  anywhere: boolean;
};

const LONGEST_URL = 1024;

/** Without a dot a name is one of the local network; the last label of an address is a number. */
const publicName = /^([a-z0-9_-]+\.)+[a-z][a-z0-9-]*$/;

/**
 * Whether an address may be fetched because a stranger named it: https, public name, port 443, with a path. It must be
 * spelled as it is fetched, which leaves out dot segments, user names, tabs and the many ways to write an IP address.
 * A query is refused in a client id (draft §3: SHOULD NOT), because ids that differ in it alone look the same.
 */
export function mayFetch(address: string, kind: 'client-id' | 'keys', { ownHost, anywhere }: FetchReach): boolean {
  if (address.length > LONGEST_URL || address.includes('#')) return false;
  const url = URL.parse(address);
  if (url?.href !== address || url.protocol !== 'https:' || url.username || url.password) return false;
  if (kind === 'client-id' && (url.pathname === '/' || address.includes('?'))) return false;
  if (url.host === ownHost) return false;
  return anywhere || (url.port === '' && publicName.test(url.hostname));
}

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** A JWK set (RFC 7517 §5) of public keys. */
export const publicKeySet = z.object({
  keys: z.array(z.looseObject({ kty: z.string() })).check(
    z.minLength(1),
    z.maxLength(50),
    z.refine((keys) => !keys.some((key) => privateMembers.some((member) => member in key)), 'holds a private key'),
  ),
});

const document = z.looseObject({
  client_id: z.string(),
  client_name: z.string().check(z.minLength(1), z.maxLength(500)),
  redirect_uris: z.array(z.string().check(z.maxLength(2048))).check(z.minLength(1), z.maxLength(50)),
  token_endpoint_auth_method: z.nullish(z.enum(['none', 'private_key_jwt'])),
  jwks: z.nullish(publicKeySet),
  jwks_uri: z.nullish(z.string()),
});

/**
 * Reads a client's document. What it says of grant types, response types and anything else that is not used here is
 * ignored: ChatGPT's names some that no server of this kind has.
 *
 * @param clientId the address that the document was fetched from
 */
export function readClientMetadata(text: string, clientId: string, reach: FetchReach): ClientMetadata {
  const read = parsed(document, text);
  if (read.client_id !== clientId) throw new ClientDocumentError('client_id is not the address of the document');
  const secret = Object.keys(read).find((member) => member.startsWith('client_secret'));
  if (secret !== undefined) throw new ClientDocumentError(`${secret} has no place in a public document`);
  const client = { name: displayName(read.client_name), redirectUris: read.redirect_uris };
  if (read.token_endpoint_auth_method !== 'private_key_jwt') return client;
  const { jwks, jwks_uri } = read;
  if (jwks && !jwks_uri) return { ...client, keys: { jwks: jwks as JSONWebKeySet } };
  if (!jwks_uri || jwks) throw new ClientDocumentError('private_key_jwt needs either jwks or jwks_uri');
  if (!mayFetch(jwks_uri, 'keys', reach)) throw new ClientDocumentError('jwks_uri is not a public https address');
  return { ...client, keys: { jwksUri: jwks_uri } };
}

export const readKeySet = (text: string): JSONWebKeySet => parsed(publicKeySet, text) as JSONWebKeySet;

function parsed<T extends z.core.$ZodType>(schema: T, text: string): z.output<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ClientDocumentError('it is not JSON');
  }
  const result = z.safeParse(schema, json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ClientDocumentError(`${issue?.path.join('.') || 'it'}: ${issue?.message}`);
}
