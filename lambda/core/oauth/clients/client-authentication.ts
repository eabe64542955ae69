import { decodeJwt } from 'jose';
import { sha256 } from '../../support/crypto.ts';
import type { Facade } from '../facade.ts';
import { oauthError } from '../oauth-error.ts';
import type { Parameters } from '../request-parameters.ts';
import { readAssertion } from './client-assertion.ts';
import { ClientDocumentError } from './client-document.ts';
import { isDynamicClientId } from './client-registration.ts';
import { findClient } from './find-client.ts';
import type { Client, ClientKeys } from './oauth-client.ts';

/** The client of a request to the token or the revocation endpoint. */
export type RequestingClient = {
  id: string;
  /** Absent for a dynamically registered client: only some requests need its registration to be alive. */
  client?: Client | undefined;
  /**
   * Marks the client's assertion as used, at the first call. The endpoint calls it after every check of the request and
   * before it consumes or revokes anything: a request that failed can then be repeated as it was, and a replayed one has
   * no effect.
   * @throws OAuthError when the assertion is already used
   */
  spendAssertion(): Promise<void>;
};

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * Client authentication (RFC 6749 §2.3). A public client sends its id; a client whose keys are known signs an assertion.
 * Neither may authenticate as the other kind.
 *
 * @throws OAuthError `invalid_client`
 */
export async function authenticateClient(
  facade: Facade,
  form: Parameters,
  request: Request,
): Promise<RequestingClient> {
  if (request.headers.has('authorization') || form.get('client_secret') !== undefined) {
    throw oauthError('client_secret_unsupported');
  }
  const assertion = assertionIn(form);
  const id = form.get('client_id') ?? (assertion && subjectOf(assertion));
  if (id === undefined) throw oauthError('client_id_missing');
  const isRegistered = isDynamicClientId(id) && facade.rules.dynamicRegistration.mode !== 'off';
  const client = isRegistered ? undefined : await identifyClient(facade, id);
  if (!client?.keys) {
    if (assertion !== undefined) throw oauthError('assertion_unexpected');
    return { id, client, spendAssertion: async () => undefined };
  }
  if (assertion === undefined) throw oauthError('assertion_required');
  return { id, client, spendAssertion: await verifyAssertion(facade, assertion, id, client.keys) };
}

/** Verifies the assertion. @returns the function that marks it as used */
async function verifyAssertion(
  { documents, assertions, now, rules }: Facade,
  assertion: string,
  id: string,
  keys: ClientKeys,
): Promise<() => Promise<void>> {
  const keysOf = async (refresh: boolean) => ('jwks' in keys ? keys.jwks : documents.keys(keys.jwksUri, refresh));
  const audiences = [rules.publicUrl, `${rules.publicUrl}/token`];
  const { jti, expiresAt } = await rejectingDocument('client_keys_rejected', () =>
    readAssertion(assertion, id, keysOf, audiences, now()),
  );
  let isSpent = false;
  return async () => {
    if (isSpent) return;
    const hash = await sha256(JSON.stringify([id, jti]));
    if (!(await assertions.spendAssertion(hash, now(), expiresAt))) throw oauthError('assertion_replayed');
    isSpent = true;
  };
}

function assertionIn(form: Parameters): string | undefined {
  const type = form.get('client_assertion_type');
  const assertion = form.get('client_assertion');
  if (type === undefined && assertion === undefined) return undefined;
  if (type !== ASSERTION_TYPE) throw oauthError('assertion_type_unsupported', ASSERTION_TYPE);
  if (assertion === undefined) throw oauthError('assertion_missing');
  return assertion;
}

/** The `sub` of an assertion that is not verified yet, because `client_id` is optional beside one (RFC 7521 §4.2). */
function subjectOf(assertion: string): string | undefined {
  try {
    return decodeJwt(assertion).sub;
  } catch {
    return undefined;
  }
}

async function identifyClient(facade: Facade, id: string): Promise<Client> {
  const client = await rejectingDocument('client_document_rejected', () => findClient(facade, id));
  if (!client) throw oauthError('client_unknown');
  return client;
}

/** Reads a document of the client: a fault of the document is a failed authentication, not a failure of this server. */
async function rejectingDocument<T>(
  reason: 'client_document_rejected' | 'client_keys_rejected',
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ClientDocumentError) throw oauthError(reason, error.message);
    throw error;
  }
}
