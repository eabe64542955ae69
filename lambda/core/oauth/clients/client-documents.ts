import type { JSONWebKeySet } from 'jose';
import { type Clock, epochSeconds } from '../../support/clock.ts';
import { sha256 } from '../../support/crypto.ts';
import type { Logger } from '../../support/logger.ts';
import { attemptUpTo, retry } from '../../support/retry-on-conflict.ts';
import { ServiceUnavailableError } from '../../support/service-unavailable-error.ts';
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
  type KnownDocument,
  servesStale,
} from './document-freshness.ts';
import { admit, type RateLimit, type RateLimitStore } from './rate-limit.ts';

/** Fetches what a stranger named, from public addresses alone and within limits of time and size. */
export interface DocumentFetcher {
  /**
   * @param etag of the copy that is known
   * @throws DocumentRefused when the answer is definite: an address that is not public, a redirect, 404, HTML, too large
   * @throws Outage when it may be another one soon: no connection, too slow, 5xx
   */
  fetch(url: string, etag?: string): Promise<FetchedDocument>;
}

/** Where fetched documents are kept, by the digest of their address. Throws `Outage` when the store does not answer. */
export interface DocumentStore {
  findDocument(urlHash: string): Promise<CachedDocument | undefined>;
  /** Takes the right to fetch the document until `until`; false while somebody else has it. */
  leaseDocument(urlHash: string, owner: string, now: number, until: number): Promise<boolean>;
  /** Stores what came of the fetch and gives the lease back; false when it was lost. */
  saveDocument(urlHash: string, url: string, owner: string, cached: CachedDocument): Promise<boolean>;
}

/** The clock counts whole seconds: two of its seconds are at least one. */
const EACH_HOST: RateLimit = { intervalSeconds: 2, burst: 1 };
/** 14,400 documents an hour, of which 32 at once; a quarter of a second is exact in binary. */
const ALL_HOSTS: RateLimit = { intervalSeconds: 0.25, burst: 32 };
/** No host is called so. */
const EVERYWHERE = '*';

const PATIENCE_SECONDS = 7;
const POLL_MILLISECONDS = 200;
/** A copy this old is fetched again for the sake of a key that is not in it. */
const KEYS_SETTLE_SECONDS = 60;
const ATTEMPTS = 3;

type Dependencies = {
  store: DocumentStore;
  paces: RateLimitStore;
  fetcher: DocumentFetcher;
  reach: FetchReach;
  clock: Clock;
  /** From 0 to 1. */
  random: () => number;
  log: Logger;
};

/** The documents of clients, fetched by exactly one of all the processes that ask, and no faster than the paces allow. */
export class ClientDocuments {
  readonly #d: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#d = dependencies;
  }

  /** What a client says of itself. @throws DocumentRefused, Outage */
  async metadata(clientId: string): Promise<ClientMetadata> {
    const { reach } = this.#d;
    if (!mayFetch(clientId, 'client-id', reach)) {
      throw new ClientDocumentError(
        'a client id that is an address must be https, public, on port 443, and have a path',
      );
    }
    return this.#load(clientId, (text) => readClientMetadata(text, clientId, reach));
  }

  /** The keys of a client. @param again whether a key was missing in the copy at hand. @throws DocumentRefused, Outage */
  keys(url: string, again = false): Promise<JSONWebKeySet> {
    return this.#load(url, readKeySet, again ? epochSeconds(this.#d.clock) - KEYS_SETTLE_SECONDS : undefined);
  }

  async #load<T>(url: string, read: (text: string) => T, newerThan?: number): Promise<T> {
    const { store, clock, random } = this.#d;
    const now = () => epochSeconds(clock);
    const urlHash = await sha256(url);
    let known: KnownDocument | undefined;
    const flight = { clock, random, patienceSeconds: PATIENCE_SECONDS, pollMilliseconds: POLL_MILLISECONDS };
    const result = await runSingleFlight<{ document: T } | 'not-soon'>(flight, async (owner) => {
      const decision = decideDocument(await store.findDocument(urlHash), now(), newerThan);
      if (decision.kind === 'use') return { document: read(decision.text) };
      if (decision.kind === 'refuse') throw new ClientDocumentError(decision.reason);
      if (decision.kind === 'unreachable') throw unreachable(url, 'it did not answer shortly before');
      if (decision.kind !== 'fetch') return retry;
      known = decision.known;
      const turn = await this.#turn(url);
      if (turn === 'now' && (await store.leaseDocument(urlHash, owner, now(), now() + LEASE_SECONDS))) {
        return { document: await this.#fetch(url, urlHash, owner, read, known) };
      }
      // To wait for that would only hold up more.
      return turn === 'not-soon' ? turn : retry;
    });
    if (result !== retry && result !== 'not-soon') return result.document;
    // Whoever has others fetched without end does not shut out a client that is known.
    if (known && servesStale(known, now())) return read(known.text);
    throw unreachable(url, 'too many others are being fetched');
  }

  async #fetch<T>(
    url: string,
    urlHash: string,
    owner: string,
    read: (text: string) => T,
    known: KnownDocument | undefined,
  ): Promise<T> {
    const { store, fetcher, clock, log } = this.#d;
    const now = () => epochSeconds(clock);
    try {
      const fetched = await fetcher.fetch(url, known?.etag);
      const cached = afterFetch(known, fetched, now());
      const document = read(cached.document!.text);
      await store.saveDocument(urlHash, url, owner, cached);
      return document;
    } catch (error) {
      if (!(error instanceof ClientDocumentError || error instanceof ServiceUnavailableError)) throw error;
      const reason = error instanceof ClientDocumentError ? error.message : undefined;
      log('client_document_failed', { url, reason: reason ?? String(error.cause) });
      const cached = afterFetch(known, { kind: 'failed', reason }, now());
      await store.saveDocument(urlHash, url, owner, cached);
      const decision = decideDocument(cached, now());
      if (decision.kind === 'use') return read(decision.text);
      throw error;
    }
  }

  /** Whether the document's turn has come: its host may be asked again in a moment, all hosts together not so soon. */
  async #turn(url: string): Promise<'now' | 'soon' | 'not-soon'> {
    // The host comes first, so that no single one can use up what all share.
    if (!(await this.#isAdmitted(new URL(url).host, EACH_HOST))) return 'soon';
    return (await this.#isAdmitted(EVERYWHERE, ALL_HOSTS)) ? 'now' : 'not-soon';
  }

  async #isAdmitted(name: string, pace: RateLimit): Promise<boolean> {
    const { paces, clock } = this.#d;
    const isAdmitted = await attemptUpTo(ATTEMPTS, async () => {
      const due = await paces.due(name);
      const next = admit(due, epochSeconds(clock), pace);
      if (next === undefined) return false;
      return (await paces.advance(name, due, next)) || retry;
    });
    return isAdmitted === true;
  }
}

const unreachable = (url: string, why: string) =>
  new ServiceUnavailableError('The client’s document', new Error(`${url}: ${why}`));
