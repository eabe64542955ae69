import { decodeJwt } from 'jose';
import { sha256 } from '../../support/crypto.ts';
import type { Facade } from '../facade.ts';
import { documentError, oauthError } from '../oauth-error.ts';
import type { Parameters } from '../request-parameters.ts';
import { readAssertion, type SpentAssertion } from './client-assertion.ts';
import { ClientDocumentError } from './client-document.ts';
import { secretIn } from './client-secret.ts';
import { findClient } from './find-client.ts';
import { isSecretOf, type MachineClient, machineClientId } from './machine-client.ts';
import type { Client, ClientKeys } from './oauth-client.ts';

/** The client of a request to the token or the revocation endpoint. */
export type RequestingClient = {
  id: string;
  client: Client;
  /** Set for a machine client, which has authenticated. */
  machine?: MachineClient;
  /**
   * The client's assertion. The endpoint marks it as used after every check of the request, in one write with what it
   * consumes or revokes: a request that failed can then be repeated as it was, and a replayed one has no effect.
   */
  assertion?: SpentAssertion | undefined;
};

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * Client authentication (RFC 6749 §2.3). A public client sends its id; a client whose keys are known signs an assertion; a
 * machine client does so, or sends its secret. A client of one kind cannot authenticate as one of another. An unknown client,
 * or one whose registration expired, is `invalid_client` before anything else is judged, so that it registers again
 * (RFC 6749 §5.2).
 *
 * @throws OAuthError `invalid_client`
 */
export async function authenticateClient(
  facade: Facade,
  form: Parameters,
  request: Request,
): Promise<RequestingClient> {
  if (!facade.rules.machineClients) rejectSecret(form, request);
  const secret = secretIn(form, request);
  const assertion = assertionIn(form);
  if (secret && assertion !== undefined) throw oauthError('client_authentication_repeated');
  const given = form.get('client_id');
  if (secret?.id !== undefined && given !== undefined && given !== secret.id) throw oauthError('client_id_differs');
  const id = secret?.id ?? given ?? (assertion && subjectOf(assertion));
  if (id === undefined) throw oauthError('client_id_missing');
  const machine = await findMachineClient(facade, id);
  if (machine) return authenticateMachine(facade, machine, secret?.secret, assertion);
  if (secret) throw oauthError('client_secret_unsupported');
  const client = await identifyClient(facade, id);
  if (!client.keys) {
    if (assertion !== undefined) throw oauthError('assertion_unexpected');
    return { id, client };
  }
  if (assertion === undefined) throw oauthError('assertion_required');
  return { id, client, assertion: await verifyAssertion(facade, assertion, id, client.keys) };
}

/** @throws OAuthError for a secret, which only machine clients have */
function rejectSecret(form: Parameters, request: Request): void {
  if (request.headers.has('authorization') || form.get('client_secret') !== undefined) {
    throw oauthError('client_secret_unsupported');
  }
}

async function authenticateMachine(
  facade: Facade,
  machine: MachineClient,
  secret: string | undefined,
  assertion: string | undefined,
): Promise<RequestingClient> {
  const { id, name, keys } = machine;
  const client: Client = { id, name, redirectUris: [], identity: { kind: 'configured' } };
  if (assertion !== undefined) {
    if (!keys) throw oauthError('assertion_unexpected');
    return { id, client, machine, assertion: await verifyAssertion(facade, assertion, id, keys) };
  }
  if (secret === undefined) throw oauthError(keys ? 'assertion_required' : 'client_secret_required');
  if (!(await isSecretOf(machine, secret, facade.now()))) throw oauthError('client_secret_wrong');
  return { id, client, machine };
}

/** A machine client of the settings, or one that the operator added; none where machine clients are off. */
async function findMachineClient(
  { rules, machineClients }: Pick<Facade, 'rules' | 'machineClients'>,
  id: string,
): Promise<MachineClient | undefined> {
  if (!rules.machineClients) return undefined;
  const configured = rules.machineClients.find((each) => each.id === id);
  return configured ?? (machineClientId.test(id) ? machineClients.findMachineClient(id) : undefined);
}

async function verifyAssertion(
  { documents, now, rules }: Facade,
  assertion: string,
  id: string,
  keys: ClientKeys,
): Promise<SpentAssertion> {
  const keysOf = async (refresh: boolean) => ('jwks' in keys ? keys.jwks : documents.keys(keys.jwksUri, refresh));
  const audiences = [rules.publicUrl, `${rules.publicUrl}/token`];
  const url = 'jwks' in keys ? id : keys.jwksUri;
  const { jti, expiresAt } = await rejectingDocument('client_keys_rejected', url, () =>
    readAssertion(assertion, id, keysOf, audiences, now()),
  );
  return { hash: await sha256(JSON.stringify([id, jti])), now: now(), expiresAt };
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
    const { sub } = decodeJwt(assertion);
    // The type of jose states what a JWT should hold, not what this one does.
    return typeof sub === 'string' ? sub : undefined;
  } catch {
    return undefined;
  }
}

async function identifyClient(facade: Facade, id: string): Promise<Client> {
  const client = await rejectingDocument('client_document_rejected', id, () => findClient(facade, id));
  if (!client) throw oauthError('client_unknown');
  return client;
}

/** Reads a document of the client: a fault of the document is a failed authentication, not a failure of this server. */
async function rejectingDocument<T>(
  reason: 'client_document_rejected' | 'client_keys_rejected',
  url: string,
  read: () => Promise<T>,
): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ClientDocumentError) throw documentError(reason, error, url);
    throw error;
  }
}
