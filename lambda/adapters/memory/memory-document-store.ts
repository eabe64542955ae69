import type { DocumentStore } from '../../core/oauth/clients/client-documents.ts';
import type { CachedDocument } from '../../core/oauth/clients/document-freshness.ts';
import { copy } from './memory-tables.ts';

export function memoryDocumentStore(): DocumentStore {
  const documents = new Map<string, CachedDocument & { leaseOwner?: string }>();
  return {
    async findDocument(urlHash) {
      const found = documents.get(urlHash);
      if (!found) return undefined;
      const { leaseOwner, ...cached } = found;
      return copy(cached);
    },
    async leaseDocument(urlHash, owner, now, until) {
      const found = documents.get(urlHash);
      if ((found?.leaseUntil ?? 0) > now) return false;
      documents.set(urlHash, { ...found, leaseOwner: owner, leaseUntil: until });
      return true;
    },
    async saveDocument(urlHash, _url, owner, cached) {
      if (documents.get(urlHash)?.leaseOwner !== owner) return false;
      documents.set(urlHash, copy(cached));
      return true;
    },
  };
}
