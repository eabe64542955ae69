import type { Facade } from '../facade.ts';
import type { ClientMetadata } from './client-document.ts';
import { allowsRedirect, dynamicClientId } from './client-registration.ts';
import type { Client, ClientAdmission } from './oauth-client.ts';

/**
 * The client of an id, unless it is unknown or not admitted. In order: preregistered by the operator, described by the
 * document at its id (MCP 2026-07-28, client ID metadata documents), dynamically registered.
 *
 * @throws ClientDocumentError when the document at the id cannot be used
 * @throws ServiceUnavailableError when the store cannot be reached
 */
export async function findClient(
  { clients, documents, now, rules }: Pick<Facade, 'clients' | 'documents' | 'now' | 'rules'>,
  id: string,
): Promise<Client | undefined> {
  const preregistered = rules.preregisteredClients.find((each) => each.id === id);
  if (preregistered) {
    const { jwks, ...client } = preregistered;
    return { ...client, identity: { kind: 'configured' }, ...(jwks && { keys: { jwks } }) };
  }
  if (id.startsWith('https://')) {
    const domain = URL.parse(id)?.host;
    if (domain === undefined || !admitsHost(rules.clientDocuments, domain)) return undefined;
    return describedClient(id, domain, await documents.metadata(id));
  }
  const { dynamicRegistration } = rules;
  if (dynamicRegistration.mode === 'off' || !dynamicClientId.test(id)) return undefined;
  const registered = await clients.find(id, now());
  if (!registered) return undefined;
  const { createdAt, ...client } = registered;
  const redirectUris = client.redirectUris.filter((uri) => allowsRedirect(dynamicRegistration, uri));
  return { ...client, redirectUris, identity: { kind: 'self-registered' } };
}

const admitsHost = ({ mode, allowed }: ClientAdmission, host: string) =>
  mode === 'open' || (mode === 'allow-list' && allowed.includes(host));

const describedClient = (id: string, domain: string, { name, redirectUris, keys }: ClientMetadata): Client => ({
  id,
  name,
  redirectUris,
  identity: { kind: 'domain', domain },
  ...(keys && { keys }),
});
