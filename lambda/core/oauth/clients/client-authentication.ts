import { decodeJwt } from 'jose';
import { sha256 } from '../../support/crypto.ts';
import type { Facade } from '../facade.ts';
import { OAuthError } from '../oauth-error.ts';
import type { Parameters } from '../request-parameters.ts';
import { readAssertion } from './client-assertion.ts';
import { ClientDocumentError } from './client-document.ts';
import { registeredItself } from './client-registration.ts';
import { findClient } from './find-client.ts';
import type { Client } from './oauth-client.ts';

/** Who makes a request to the token or the revocation endpoint. */
export type RequestingClient = {
  id: string;
  /** Absent for a client that registered itself: whether it is still registered matters to some requests alone. */
  client?: Client;
  /**
   * Makes the client's assertion useless from now on, at the first call. To be called when nothing else can refuse the
   * request and before anything is consumed or revoked, so that a request that failed can be sent again as it was, and
   * one that was overheard has no effect.
   * @throws OAuthError when the assertion has been used
   */
  spend(): Promise<void>;
};

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * Client authentication (RFC 6749 §2.3): a public client names itself; one whose keys are known signs an assertion, and
 * neither may do as the other.
 *
 * @throws OAuthError `invalid_client`
 */
export async function authenticateClient(
  facade: Facade,
  form: Parameters,
  request: Request,
): Promise<RequestingClient> {
  if (request.headers.has('authorization') || form.get('client_secret') !== undefined) {
    throw invalid('no client has a secret here: send client_id alone, or client_assertion');
  }
  const assertion = assertionIn(form);
  const id = form.get('client_id') ?? (assertion && subjectOf(assertion));
  if (id === undefined) throw invalid('client_id is missing');
  const isRegistered = registeredItself(id) && facade.rules.dynamicRegistration.mode !== 'off';
  const client = isRegistered ? undefined : await known(facade, id);
  if (!client?.keys) {
    if (assertion !== undefined) throw invalid('this client is public: send client_id alone');
    return { id, client, spend: async () => undefined };
  }
  if (assertion === undefined) throw invalid('this client must send client_assertion (private_key_jwt)');

  const { documents, assertions, now, rules } = facade;
  const { keys } = client;
  const keysOf = async (again: boolean) => ('jwks' in keys ? keys.jwks : documents.keys(keys.jwksUri, again));
  const audiences = [rules.publicUrl, `${rules.publicUrl}/token`];
  const { jti, expiresAt } = await usable('the keys at its jwks_uri', () =>
    readAssertion(assertion, id, keysOf, audiences, now()),
  );
  let spent = false;
  return {
    id,
    client,
    async spend() {
      if (spent) return;
      const hash = await sha256(JSON.stringify([id, jti]));
      if (!(await assertions.spendAssertion(hash, now(), expiresAt))) throw invalid('client_assertion has been used');
      spent = true;
    },
  };
}

const invalid = (why: string) => new OAuthError('invalid_client', why);

function assertionIn(form: Parameters): string | undefined {
  const type = form.get('client_assertion_type');
  const assertion = form.get('client_assertion');
  if (type === undefined && assertion === undefined) return undefined;
  if (type !== ASSERTION_TYPE) throw invalid(`client_assertion_type must be ${ASSERTION_TYPE}`);
  if (assertion === undefined) throw invalid('client_assertion is missing');
  return assertion;
}

/** Whom an assertion speaks of, before anything of it has been checked (`client_id` is optional, RFC 7521 §4.2). */
function subjectOf(assertion: string): string | undefined {
  try {
    return decodeJwt(assertion).sub;
  } catch {
    return undefined;
  }
}

async function known(facade: Facade, id: string): Promise<Client> {
  const client = await usable('the document at its client_id', () => findClient(facade, id));
  if (!client) throw invalid('this client is not known here');
  return client;
}

/** Does what reads a document of the client's, whose faults are the client's. */
async function usable<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ClientDocumentError) throw invalid(`${what} cannot be used: ${error.message}`);
    throw error;
  }
}
