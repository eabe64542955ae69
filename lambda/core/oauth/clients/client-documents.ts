import type { JSONWebKeySet } from 'jose';
import { type Clock, epochSeconds } from '../../support/clock.ts';
import { sha256 } from '../../support/crypto.ts';
import type { Logger } from '../../support/logger.ts';
import { retry } from '../../support/retry-on-conflict.ts';
import { LEASE_SECONDS, runSingleFlight } from '../../support/single-flight.ts';
import {
  ClientDocumentError,
  type ClientMetadata,
  type FetchReach,
  mayFetch,
  readClientMetadata,
  readKeySet,
} from './client-document.ts';
import {
  afterFetch,
  type CachedDocument,
  decideDocument,
  type FetchedDocument,
  servesStale,
  type ValidDocument,
} from './document-freshness.ts';
import { isAdmitted, type RateLimit, type RateLimitStore } from './rate-limit.ts';

/** Fetches URLs that strangers chose, from public addresses alone and within limits of time and size. */
export interface DocumentFetcher {
  /**
   * @param etag of the cached copy
   * @throws ClientDocumentError `rejected` for a definite result: an address that is not public, a redirect, 404, HTML, too
   * large; `unreachable` for a result that may change soon: no connection, timeout, 5xx
   */
  fetch(url: string, etag?: string): Promise<FetchedDocument>;
}

/** Fetched documents, by the digest of their URL and their use. Throws `ServiceUnavailableError` when the store does not respond. */
export interface DocumentStore {
  findDocument(urlHash: string): Promise<CachedDocument | undefined>;
  /** Takes the lease to fetch the document until `until`; false while another process holds it. */
  leaseDocument(urlHash: string, owner: string, now: number, until: number): Promise<boolean>;
  /** Stores the result of the fetch and releases the lease; false when the lease was lost. */
  saveDocument(urlHash: string, url: string, owner: string, cached: CachedDocument): Promise<boolean>;
}

const EACH_HOST: RateLimit = { intervalSeconds: 1, burst: 1 };
/**
 * The limit of all hosts has shards, so that newcomers rarely change the same item at the same time. Together they admit
 * 14,400 documents an hour, 128 of them at once.
 */
const SHARDS = 16;
const EACH_SHARD: RateLimit = { intervalSeconds: 4, burst: 8 };
/** The name of a shard; no host can have it. */
const shardName = (shard: number) => `*${shard % SHARDS}`;
/** The shards that a fetch tries. */
const SHARD_ATTEMPTS = 4;

/** As long as the fetch of another process takes at most. */
const PATIENCE_SECONDS = 5;
/** No fetch begins later, so that a host with many documents does not occupy functions. */
const LATEST_BEGINNING_MILLISECONDS = 3_000;
const POLL_MILLISECONDS = 200;
/** The age at which a key set is fetched again for a key that it lacks. */
const KEYS_SETTLE_SECONDS = 60;
type Dependencies = {
  store: DocumentStore;
  /** Undefined where the operator chose the URLs: strangers cannot use these limits up then. */
  rateLimits: RateLimitStore | undefined;
  fetcher: DocumentFetcher;
  reach: FetchReach;
  clock: Pick<Clock, 'now' | 'sleep'>;
  /** From 0 to 1. */
  random: () => number;
  log: Logger;
};

type Reader<T> = (text: string) => T;

/**
 * The use of a document. Each use has a cache entry apart: a client can name any document as its own, and the rejection of
 * that must not end the other use.
 */
export type DocumentUse = 'client' | 'client-keys' | 'issuer' | 'issuer-keys';

/** Clients' documents: each is fetched by one process of the deployment at a time, within the rate limits. */
export class ClientDocuments {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** The metadata at a client id. @throws ClientDocumentError, ServiceUnavailableError */
  async metadata(clientId: string): Promise<ClientMetadata> {
    const { reach } = this.#dependencies;
    if (!mayFetch(clientId, 'client-id', reach)) {
      throw new ClientDocumentError('client_id must be a public https URL on port 443 with a path');
    }
    return this.load(clientId, 'client', (text) => readClientMetadata(text, clientId, reach));
  }

  /**
   * The keys of a client or an issuer.
   *
   * @param refresh whether the cached set lacks the key that is needed
   * @throws ClientDocumentError, ServiceUnavailableError
   */
  keys(url: string, refresh = false, use: DocumentUse = 'client-keys'): Promise<JSONWebKeySet> {
    return this.load(url, use, readKeySet, refresh ? this.#now() - KEYS_SETTLE_SECONDS : undefined);
  }

  /** Reads a document at a URL that the caller may fetch. @throws ClientDocumentError, ServiceUnavailableError */
  async load<T>(url: string, use: DocumentUse, read: Reader<T>, newerThan?: number): Promise<T> {
    const { store, clock, random } = this.#dependencies;
    const urlHash = await sha256(use === 'client' ? url : `${use} ${url}`);
    let previous: ValidDocument | undefined;
    const latestBeginning = clock.now() + LATEST_BEGINNING_MILLISECONDS;
    const flight = { clock, random, patienceSeconds: PATIENCE_SECONDS, pollMilliseconds: POLL_MILLISECONDS };
    const result = await runSingleFlight<{ document: T } | 'not-soon'>(flight, async (owner) => {
      const decision = decideDocument(await store.findDocument(urlHash), this.#now(), newerThan);
      if (decision.kind === 'use') return { document: read(decision.text) };
      if (decision.kind === 'reject') throw new ClientDocumentError(decision.reason);
      if (decision.kind === 'unreachable') throw new ClientDocumentError(decision.cause, 'unreachable');
      if (decision.kind !== 'fetch') return retry;
      previous = decision.previous;
      if (clock.now() > latestBeginning) return 'not-soon';
      const turn = await this.#turn(url);
      if (turn === 'now' && (await this.#lease(urlHash, owner))) {
        return { document: await this.#fetch(url, urlHash, owner, read, previous) };
      }
      // The limit of all hosts is exhausted: waiting would only queue more requests behind it.
      return turn === 'not-soon' ? turn : retry;
    });
    if (result !== retry && result !== 'not-soon') return result.document;
    // A flood of fetches does not lock out a client whose document is cached.
    if (previous && servesStale(previous, this.#now())) return read(previous.text);
    if (result === retry) throw new ClientDocumentError('its host has not answered yet', 'unreachable');
    throw this.#logged(url, new ClientDocumentError('too many other documents are being fetched', 'delayed'));
  }

  async #fetch<T>(
    url: string,
    urlHash: string,
    owner: string,
    read: Reader<T>,
    previous: ValidDocument | undefined,
  ): Promise<T> {
    const { store, fetcher } = this.#dependencies;
    try {
      const fetched = await fetcher.fetch(url, previous?.etag);
      const cached = afterFetch(previous, fetched, this.#now());
      const document = read(cached.document!.text);
      await store.saveDocument(urlHash, url, owner, cached);
      return document;
    } catch (error) {
      if (!(error instanceof ClientDocumentError)) throw error;
      this.#logged(url, error);
      const { message } = error;
      const failure = error.fault === 'rejected' ? { reason: message } : { reason: undefined, cause: message };
      const cached = afterFetch(previous, { kind: 'failed', ...failure }, this.#now());
      await store.saveDocument(urlHash, url, owner, cached);
      const decision = decideDocument(cached, this.#now());
      if (decision.kind === 'use') return read(decision.text);
      throw error;
    }
  }

  /** The error, once it is in the log: an event without an alarm, because strangers cause it. */
  #logged(url: string, error: ClientDocumentError): ClientDocumentError {
    const { fault, message } = error;
    this.#dependencies.log('client_document_failed', { url, host: new URL(url).host, fault, reason: message });
    return error;
  }

  #lease(urlHash: string, owner: string): Promise<boolean> {
    const now = this.#now();
    return this.#dependencies.store.leaseDocument(urlHash, owner, now, now + LEASE_SECONDS);
  }

  #now(): number {
    return epochSeconds(this.#dependencies.clock);
  }

  /** When the rate limits admit a fetch: a host's own limit admits again in a moment, the limit of all hosts does not. */
  async #turn(url: string): Promise<'now' | 'soon' | 'not-soon'> {
    const { rateLimits, clock, random } = this.#dependencies;
    if (!rateLimits) return 'now';
    const limits = { rateLimits, clock, random };
    // The host's limit is charged first, so that one host cannot exhaust the limit of all hosts.
    if (!(await isAdmitted(limits, new URL(url).host, EACH_HOST))) return 'soon';
    const first = Math.floor(random() * SHARDS);
    for (let shard = first; shard < first + SHARD_ATTEMPTS; shard++) {
      if (await isAdmitted(limits, shardName(shard), EACH_SHARD)) return 'now';
    }
    return 'not-soon';
  }
}
