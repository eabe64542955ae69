import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { RequestFilteringHttpsAgent } from 'request-filtering-agent';
import { ClientDocumentError } from '../core/oauth/clients/client-document.ts';
import type { DocumentFetcher } from '../core/oauth/clients/client-documents.ts';
import type { FetchedDocument } from '../core/oauth/clients/document-freshness.ts';
import { ServiceUnavailableError } from '../core/support/service-unavailable-error.ts';

export type HttpsOptions = {
  /** Skips the check of addresses, for tests on one computer. */
  anywhere: boolean;
  /** For the whole exchange. */
  timeoutMilliseconds?: number;
  /** @default `dns.lookup` */
  lookup?: LookupFunction;
  /** Certificates of trusted authorities. @default - Node's */
  ca?: string;
};

const LARGEST_BYTES = 5 * 1024;
const TIMEOUT_MILLISECONDS = 5000;
const LONGEST_ETAG = 256;

/**
 * Fetches with `node:https`, which follows no redirect. The agent checks every address that a name resolves to and connects
 * to a checked address, so that a second lookup cannot return another one (DNS rebinding).
 */
export function httpsDocuments(options: HttpsOptions): DocumentFetcher {
  const { anywhere, timeoutMilliseconds = TIMEOUT_MILLISECONDS, lookup, ca } = options;
  const agent = new RequestFilteringHttpsAgent({
    // Every fetch checks the addresses anew: a reused connection would outlive its check.
    keepAlive: false,
    allowPrivateIPAddress: anywhere,
    allowMetaIPAddress: anywhere,
    ...(lookup && { lookup }),
    ...(ca !== undefined && { ca }),
  });

  function sendRequest(url: string, etag: string | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = {
        accept: 'application/json',
        'accept-encoding': 'identity',
        'user-agent': 'Holdfast',
        ...(etag !== undefined && { 'if-none-match': etag }),
      };
      request(url, { agent, headers, signal }, resolve).on('error', reject).end();
    });
  }

  return {
    async fetch(url, etag) {
      try {
        const response = await sendRequest(url, etag, AbortSignal.timeout(timeoutMilliseconds));
        try {
          return await readDocument(response, etag);
        } finally {
          response.destroy();
        }
      } catch (error) {
        if (error instanceof ClientDocumentError || error instanceof ServiceUnavailableError) throw error;
        // The agent has no error class. If its message changes, the address is still not connected to.
        if (/ is not allowed\. /.test((error as Error).message)) {
          throw new ClientDocumentError('it is not at a public address');
        }
        throw new ServiceUnavailableError('The client’s document', error);
      }
    },
  };
}

async function readDocument(response: IncomingMessage, etag: string | undefined): Promise<FetchedDocument> {
  const { statusCode = 0, headers } = response;
  const caching = { cacheControl: headers['cache-control'], age: headers.age };
  if (statusCode === 304 && etag !== undefined) return { kind: 'unchanged', ...caching };
  if (statusCode >= 500 || statusCode === 429) {
    throw new ServiceUnavailableError('The client’s document', new Error(`its host answered ${statusCode}`));
  }
  if (statusCode !== 200) throw new ClientDocumentError(`its host answered ${statusCode}`);
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!/^application\/([a-z0-9.-]+\+)?json$/.test(type)) throw new ClientDocumentError('it is not sent as JSON');
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw new ClientDocumentError('it is compressed');
  const text = await readBoundedText(response);
  const tag = headers.etag !== undefined && headers.etag.length <= LONGEST_ETAG ? { etag: headers.etag } : {};
  return { kind: 'document', text, ...tag, ...caching };
}

async function readBoundedText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > LARGEST_BYTES) throw new ClientDocumentError(`it has more than ${LARGEST_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new ClientDocumentError('it is not UTF-8');
  }
}
