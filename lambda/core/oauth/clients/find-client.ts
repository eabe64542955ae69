import * as z from 'zod/mini';
import type { Facade } from '../facade.ts';
import { type ClientMetadata, publicKeySet } from './client-document.ts';
import { allowsRedirect, formOfRegisteredId } from './client-registration.ts';
import type { Client, ClientAdmission, PreregisteredClient } from './oauth-client.ts';

const configured = z.array(
  z.object({
    id: z.string().check(z.minLength(1)),
    name: z.string().check(z.minLength(1)),
    redirectUris: z.array(z.string()).check(z.minLength(1)),
    jwks: z.optional(publicKeySet),
  }),
);

/** Reads the clients that the owner has set up. @throws ZodError for anything else */
export const readPreregisteredClients = (json: unknown): PreregisteredClient[] =>
  configured.parse(json) as PreregisteredClient[];

/**
 * The client of an id, unless it is unknown or not let in: set up by the owner, described at the address that the id is
 * (MCP 2026-07-28, client ID metadata documents), or registered dynamically.
 *
 * @throws DocumentRefused when the document at the id's address is none of a client
 * @throws Outage when the document or the store cannot be reached
 */
export async function findClient(
  { clients, documents, now, rules }: Pick<Facade, 'clients' | 'documents' | 'now' | 'rules'>,
  id: string,
): Promise<Client | undefined> {
  const setUp = rules.preregisteredClients.find((each) => each.id === id);
  if (setUp) {
    const { jwks, ...client } = setUp;
    return { ...client, identity: { kind: 'configured' }, ...(jwks && { keys: { jwks } }) };
  }
  if (id.startsWith('https://')) {
    const domain = URL.parse(id)?.host;
    if (domain === undefined || !lets(rules.clientDocuments, domain)) return undefined;
    return described(id, domain, await documents.metadata(id));
  }
  const { dynamicRegistration } = rules;
  if (dynamicRegistration.mode === 'off' || !formOfRegisteredId.test(id)) return undefined;
  const found = await clients.client(id, now());
  if (!found) return undefined;
  const { createdAt, ...client } = found;
  const redirectUris = client.redirectUris.filter((uri) => allowsRedirect(dynamicRegistration, uri));
  return { ...client, redirectUris, identity: { kind: 'self-registered' } };
}

const lets = ({ mode, allowed }: ClientAdmission, host: string) =>
  mode === 'open' || (mode === 'allow-list' && allowed.includes(host));

const described = (id: string, domain: string, { name, redirectUris, keys }: ClientMetadata): Client => ({
  id,
  name,
  redirectUris,
  identity: { kind: 'domain', domain },
  ...(keys && { keys }),
});
