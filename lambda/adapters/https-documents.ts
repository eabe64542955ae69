import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { RequestFilteringHttpsAgent } from 'request-filtering-agent';
import { ClientDocumentError } from '../core/oauth/clients/client-document.ts';
import type { DocumentFetcher } from '../core/oauth/clients/client-documents.ts';
import type { FetchedDocument } from '../core/oauth/clients/document-freshness.ts';

export type HttpsOptions = {
  /** Skips the check of addresses, for tests on one computer. */
  anywhere: boolean;
  /** @default 5 KB: strangers choose most URLs */
  largestBytes?: number;
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
  const { anywhere, largestBytes = LARGEST_BYTES, timeoutMilliseconds = TIMEOUT_MILLISECONDS, lookup, ca } = options;
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
      const signal = AbortSignal.timeout(timeoutMilliseconds);
      try {
        const response = await sendRequest(url, etag, signal);
        try {
          return await readDocument(response, etag, largestBytes);
        } finally {
          response.destroy();
        }
      } catch (error) {
        if (error instanceof ClientDocumentError) throw error;
        // The agent has no error class. If its message changes, the address is still not connected to.
        if (/ is not allowed\. /.test((error as Error).message)) {
          throw new ClientDocumentError('it is not at a public address');
        }
        const within = `its host did not answer within ${timeoutMilliseconds / 1000} seconds`;
        throw new ClientDocumentError(signal.aborted ? within : connectionFault(error), 'unreachable');
      }
    },
  };
}

/** Why there is no connection, as the end of a sentence, with the code by which the operator finds it in documentation. */
function connectionFault(error: unknown): string {
  const { code = 'no code' } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOTFOUND':
      return `the name of its host is unknown (${code})`;
    case 'EAI_AGAIN':
      return `the name of its host cannot be looked up (${code})`;
    case 'ECONNREFUSED':
      return `its host refuses the connection (${code})`;
    case 'ECONNRESET':
      return `its host closed the connection (${code})`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return `the network does not reach its host (${code})`;
    default:
      return /CERT|SIGNATURE|TLS|SSL|EPROTO/.test(code)
        ? `its host has no valid certificate (${code})`
        : `the connection to its host failed (${code})`;
  }
}

async function readDocument(
  response: IncomingMessage,
  etag: string | undefined,
  largestBytes: number,
): Promise<FetchedDocument> {
  const { statusCode = 0, headers } = response;
  const caching = { cacheControl: headers['cache-control'], age: headers.age };
  if (statusCode === 304 && etag !== undefined) return { kind: 'unchanged', ...caching };
  if (statusCode >= 500 || statusCode === 429) {
    throw new ClientDocumentError(`its host answered ${statusCode}`, 'unreachable');
  }
  if (statusCode !== 200) throw new ClientDocumentError(`its host answered ${statusCode}`);
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!/^application\/([a-z0-9.-]+\+)?json$/.test(type)) throw new ClientDocumentError('it is not sent as JSON');
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw new ClientDocumentError('it is compressed');
  const text = await readBoundedText(response, largestBytes);
  const tag = headers.etag !== undefined && headers.etag.length <= LONGEST_ETAG ? { etag: headers.etag } : {};
  return { kind: 'document', text, ...tag, ...caching };
}

async function readBoundedText(response: IncomingMessage, largestBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > largestBytes) throw new ClientDocumentError(`it has more than ${largestBytes} bytes`);
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new ClientDocumentError('it is not UTF-8');
  }
}
