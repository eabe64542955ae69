import type { JSONWebKeySet } from 'jose';
import * as z from 'zod/mini';
import type { IssuerKeys } from '../assertions/trusted-issuer.ts';
import { ClientDocumentError, readJson } from './client-document.ts';
import type { ClientDocuments } from './client-documents.ts';

const discovery = z.looseObject({ issuer: z.string(), jwks_uri: z.string() });

/** The keys of issuers that the operator trusts, cached as the documents of clients are. */
export const issuerKeysIn = (documents: ClientDocuments): IssuerKeys => ({
  async keysOf(issuer, jwksUri, refresh): Promise<JSONWebKeySet> {
    return documents.keys(jwksUri ?? (await keySetOf(documents, issuer)), refresh, 'issuer-keys');
  },
});

/** OpenID Connect Discovery §4.3: the document states its issuer. */
async function keySetOf(documents: ClientDocuments, issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  return documents.load(url, 'issuer', (text) => {
    const document = discovery.safeParse(readJson(text));
    if (!document.success || document.data.issuer !== issuer || !document.data.jwks_uri.startsWith('https://')) {
      throw new ClientDocumentError('it is no discovery document of the issuer');
    }
    return document.data.jwks_uri;
  });
}
