import type { PublicKey } from '../../../shared/jwk-members.ts';
import type { FacadeRules } from '../facade.ts';
import type { GrantSwitches } from '../grants/grant-type-names.ts';
import { authorizationServerMetadata } from './authorization-server-metadata.ts';
import { keySet, type PublicDocument } from './key-set.ts';
import { protectedResourceMetadata } from './protected-resource-metadata.ts';

/** The settings and keys that the documents are made of. */
export type DocumentSource = {
  rules: Pick<FacadeRules, 'publicUrl' | 'scopes' | 'clientDocuments' | 'dynamicRegistration'> & GrantSwitches;
  publicKeys: readonly PublicKey[];
};

type Build = (source: DocumentSource) => PublicDocument;

const metadata =
  (build: (rules: DocumentSource['rules']) => object): Build =>
  ({ rules }) => ({ content: build(rules), cacheControl: 'public, max-age=3600, stale-if-error=86400' });

const resource = metadata(({ publicUrl, scopes }) => protectedResourceMetadata(publicUrl, scopes));
const server = metadata((rules) => authorizationServerMetadata(rules.publicUrl, rules.scopes, rules));

/**
 * The key set and the discovery documents by path. A client that connects may wait for a cold OAuth function to build one,
 * so this module and its imports are small: without pages, flows, clients, and the platform's `Response`.
 */
export const publicDocuments: Readonly<Record<string, Build>> = {
  '/.well-known/oauth-protected-resource': resource,
  '/.well-known/oauth-protected-resource/mcp': resource,
  '/.well-known/oauth-authorization-server': server,
  '/.well-known/openid-configuration': server,
  '/jwks.json': keySet,
};

export const documentHeaders = ({ cacheControl }: PublicDocument): Record<string, string> => ({
  // Clients that run in web pages read these documents from their own origin.
  'Access-Control-Allow-Origin': '*',
  'Cache-Control': cacheControl,
});
