import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { ClientDocumentError } from '../../../lambda/core/oauth/clients/client-document.ts';
import { ClientDocuments, type DocumentStore } from '../../../lambda/core/oauth/clients/client-documents.ts';
import type { FetchedDocument } from '../../../lambda/core/oauth/clients/document-freshness.ts';
import type { Clock } from '../../../lambda/core/support/clock.ts';
import { sha256 } from '../../../lambda/core/support/crypto.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';

// A thousand processes with some twenty polls each take seconds on a busy machine, though none in real time.
jest.setTimeout(30_000);

const id = 'https://client.example/client.json';
const documentOf = (clientId: string, change = {}) =>
  JSON.stringify({
    client_id: clientId,
    client_name: 'Client',
    redirect_uris: ['https://client.example/cb'],
    ...change,
  });

/** Processes of one deployment over the same stores, with scripted hosts. */
class Deployment {
  /** Over the fake timers of jest, which end a thousand sleeps at once. */
  readonly clock: Pick<Clock, 'now' | 'sleep'> = {
    now: () => Date.now(),
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  };
  readonly #stores = memoryStores();
  /** Requested URLs, each with the entity tag of the cached copy. */
  readonly requests: [url: string, etag: string | undefined][] = [];
  answer: (url: string) => FetchedDocument | Promise<FetchedDocument> = (url) => ({
    kind: 'document',
    text: documentOf(url),
  });
  /** Events in the log, oldest first. */
  readonly log: [event: string, details: Record<string, unknown> | undefined][] = [];
  /** Of each request to the rate limits. */
  latencyMilliseconds = 0;

  /** @param change to the store of this process */
  process(change: Partial<DocumentStore> = {}): ClientDocuments {
    return new ClientDocuments({
      store: { ...this.#stores.documents, ...change },
      rateLimits: {
        due: async (name) => {
          const due = await this.#stores.rateLimits.due(name);
          if (this.latencyMilliseconds > 0) await this.clock.sleep(this.latencyMilliseconds);
          return due;
        },
        advance: (...given) => this.#stores.rateLimits.advance(...given),
      },
      fetcher: {
        fetch: async (url, etag) => {
          this.requests.push([url, etag]);
          return this.answer(url);
        },
      },
      reach: { ownHost: 'mcp.example.com', anywhere: false },
      clock: this.clock,
      random: Math.random,
      log: (event, details) => void this.log.push([event, details]),
    });
  }
}

let deployment: Deployment;
beforeEach(() => {
  jest.useFakeTimers({ now: 1_800_000_000_000, doNotFake: ['queueMicrotask', 'nextTick'] });
  deployment = new Deployment();
});
afterEach(() => jest.useRealTimers());

const seconds = () => deployment.clock.now() / 1000;
const pass = (passing: number) => jest.advanceTimersByTimeAsync(passing * 1000);

/** Advances the clock until the work is done. */
async function advancing<T>(work: Promise<T>): Promise<T> {
  let done = false;
  const settled = work.finally(() => {
    done = true;
  });
  settled.catch(() => undefined);
  while (!done) {
    // Lookups hash their URL outside of the clock's time: without a wait for these hashes the clock would outrun them.
    await Promise.all(Array.from({ length: 8 }, (_, index) => sha256(`${index}`)));
    await pass(0.5);
  }
  return settled;
}

test('a document is fetched once while it is fresh, by all processes together', async () => {
  deployment.answer = () => ({ kind: 'document', text: documentOf(id), etag: '"1"', cacheControl: 'max-age=600' });
  const [one, other] = [deployment.process(), deployment.process()];
  expect(await one.metadata(id)).toMatchObject({ name: 'Client' });
  await pass(599);
  await other.metadata(id);
  expect(deployment.requests).toEqual([[id, undefined]]);
  await pass(1);
  deployment.answer = () => ({ kind: 'unchanged' });
  expect(await other.metadata(id)).toMatchObject({ name: 'Client' });
  expect(deployment.requests[1]).toEqual([id, '"1"']);
});

test('of concurrent requests for a document, one fetches and all get it', async () => {
  deployment.answer = (url) => deployment.clock.sleep(3000).then(() => ({ kind: 'document', text: documentOf(url) }));
  const lookups = Array.from({ length: 20 }, () => deployment.process().metadata(id));
  const answers = await advancing(Promise.all(lookups));
  expect(answers.every(({ name }) => name === 'Client')).toBe(true);
  expect(deployment.requests).toHaveLength(1);
});

test('a changed document replaces the cached one after the next fetch', async () => {
  await deployment.process().metadata(id);
  deployment.answer = () => ({
    kind: 'document',
    text: documentOf(id, { redirect_uris: ['https://client.example/new'] }),
  });
  await pass(24 * 3600);
  expect((await deployment.process().metadata(id)).redirectUris).toEqual(['https://client.example/new']);
});

test('a rejected document is not cached, and not fetched again for 30 seconds', async () => {
  deployment.answer = () => ({ kind: 'document', text: '{}' });
  await expect(deployment.process().metadata(id)).rejects.toThrow(ClientDocumentError);
  deployment.answer = () => ({ kind: 'document', text: documentOf(id) });
  await pass(29);
  await expect(deployment.process().metadata(id)).rejects.toThrow(ClientDocumentError);
  expect(deployment.requests).toHaveLength(1);
  await pass(1);
  expect(await deployment.process().metadata(id)).toMatchObject({ name: 'Client' });
});

test('a document serves for a day while its host is unreachable, and not after a rejection', async () => {
  await deployment.process().metadata(id);
  await pass(3600);
  deployment.answer = () => {
    throw new ClientDocumentError('its host did not answer within 5 seconds', 'unreachable');
  };
  expect(await deployment.process().metadata(id)).toMatchObject({ name: 'Client' });
  await pass(25 * 3600);
  await expect(deployment.process().metadata(id)).rejects.toMatchObject({ fault: 'unreachable' });
  await pass(3600);
  deployment.answer = () => {
    throw new ClientDocumentError('its host answered 404');
  };
  await expect(deployment.process().metadata(id)).rejects.toMatchObject({ fault: 'rejected' });
});

test('a document whose host is unreachable is logged once, and keeps its cause while it is not fetched again', async () => {
  const reason = 'the name of its host is unknown (ENOTFOUND)';
  deployment.answer = () => {
    throw new ClientDocumentError(reason, 'unreachable');
  };
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(deployment.process().metadata(id)).rejects.toMatchObject({ fault: 'unreachable', message: reason });
  }
  expect(deployment.log).toEqual([
    ['client_document_failed', { url: id, host: 'client.example', fault: 'unreachable', reason }],
  ]);
  expect(deployment.requests).toHaveLength(1);
});

test('a failed write of a fetched document is the failure of the store, not of the document', async () => {
  const failing = deployment.process({
    saveDocument: () => Promise.reject(new ServiceUnavailableError('The session table', new Error('gone'))),
  });
  await expect(failing.metadata(id)).rejects.toThrow(ServiceUnavailableError);
  expect(deployment.log).toEqual([]);
});

test('sixty newcomers at once all get their documents, although they change the same limits', async () => {
  deployment.latencyMilliseconds = 5;
  const ids = Array.from({ length: 60 }, (_, index) => `https://client-${index}.example/client.json`);
  const began = seconds();
  await advancing(Promise.all(ids.map((each) => deployment.process().metadata(each))));
  expect(deployment.requests.map(([url]) => url).toSorted()).toEqual(ids.toSorted());
  expect(seconds() - began).toBeLessThanOrEqual(4);
});

test('a document that hangs holds no lookup for longer than its fetch', async () => {
  deployment.answer = async () => {
    await deployment.clock.sleep(5000);
    throw new ClientDocumentError('its host did not answer within 5 seconds', 'unreachable');
  };
  const began = seconds();
  const lookups = Array.from({ length: 20 }, () => deployment.process().metadata(id));
  const outcomes = await advancing(Promise.allSettled(lookups));
  expect(seconds() - began).toBeLessThanOrEqual(5.5);
  expect(deployment.requests).toHaveLength(1);
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.fault)).toEqual(
    Array.from({ length: 20 }, () => 'unreachable'),
  );
});

test('no fetch begins later than three seconds after its request, however many documents of the host hang', async () => {
  const began = seconds();
  const times: number[] = [];
  deployment.answer = async () => {
    times.push(seconds() - began);
    await deployment.clock.sleep(5000);
    throw new ClientDocumentError('its host did not answer within 5 seconds', 'unreachable');
  };
  const lookups = Array.from({ length: 50 }, (_, index) =>
    deployment.process().metadata(`https://client.example/${index}.json`),
  );
  const outcomes = await advancing(Promise.allSettled(lookups));
  expect(Math.max(...times)).toBeLessThanOrEqual(3.5);
  const faults = outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.fault);
  expect(faults.filter((fault) => fault === 'unreachable')).toHaveLength(times.length);
  expect(faults.filter((fault) => fault === 'delayed')).toHaveLength(50 - times.length);
});

test('a host gets at most one request per second', async () => {
  const times: number[] = [];
  deployment.answer = (url) => {
    times.push(seconds());
    return { kind: 'document', text: documentOf(url) };
  };
  const ids = [1, 2, 3].map((each) => `https://client.example/${each}/client.json`);
  await advancing(Promise.all(ids.map((each) => deployment.process().metadata(each))));
  expect(times).toHaveLength(3);
  for (const [index, time] of times.slice(1).entries()) expect(time - times[index]!).toBeGreaterThanOrEqual(1);
});

test('a thousand ids at a thousand hosts stay within the rate limit, and the rest is delayed', async () => {
  const lookups = Array.from({ length: 1000 }, (_, index) =>
    deployment.process().metadata(`https://client-${index}.example/client.json`),
  );
  const began = seconds();
  const outcomes = await advancing(Promise.allSettled(lookups));
  // A burst of 128, and 4 for each second until the last request.
  expect(deployment.requests.length).toBeGreaterThanOrEqual(32);
  expect(deployment.requests.length).toBeLessThanOrEqual(128 + 4 * (seconds() - began));
  const rejected = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason);
  expect(rejected).toHaveLength(1000 - deployment.requests.length);
  expect(rejected.every((reason) => reason.fault === 'delayed')).toBe(true);
});

test('a thousand ids at one host leave the limit of all hosts to the others', async () => {
  const flood = Array.from({ length: 1000 }, (_, index) =>
    deployment
      .process()
      .metadata(`https://flood.example/${index}.json`)
      .catch(() => undefined),
  );
  await advancing(deployment.process().metadata(id));
  await advancing(Promise.all(flood));
  expect(deployment.requests.filter(([url]) => url.startsWith('https://flood.example')).length).toBeLessThanOrEqual(5);
  expect(deployment.requests).toContainEqual([id, undefined]);
});

test('a flood of ids, at its own host or at all, does not lock out a cached client', async () => {
  await deployment.process().metadata(id);
  await pass(3600);
  const { host } = new URL(id);
  for (const floodAt of [(_: number) => host, (index: number) => `flood-${index}.example`]) {
    const flood = Array.from({ length: 200 }, (_, index) =>
      deployment
        .process()
        .metadata(`https://${floodAt(index)}/${index}.json`)
        .catch(() => undefined),
    );
    expect(await advancing(deployment.process().metadata(id))).toMatchObject({ name: 'Client' });
    await advancing(Promise.all(flood));
  }
});

test('a key set is fetched again for a missing key, at most once a minute', async () => {
  const url = 'https://client.example/jwks.json';
  let kid = 'old';
  deployment.answer = () => ({
    kind: 'document',
    text: JSON.stringify({ keys: [{ kty: 'EC', kid }] }),
    cacheControl: 'max-age=86400',
  });
  await deployment.process().keys(url);
  kid = 'new';
  await pass(59);
  expect(await deployment.process().keys(url, true)).toMatchObject({ keys: [{ kid: 'old' }] });
  await pass(2);
  expect(await deployment.process().keys(url)).toMatchObject({ keys: [{ kid: 'old' }] });
  expect(await deployment.process().keys(url, true)).toMatchObject({ keys: [{ kid: 'new' }] });
  expect(await deployment.process().keys(url, true)).toMatchObject({ keys: [{ kid: 'new' }] });
  expect(deployment.requests).toHaveLength(2);
});

test('a URL that may not be fetched is rejected without a request', async () => {
  await expect(deployment.process().metadata('https://127.0.0.1/client.json')).rejects.toThrow(ClientDocumentError);
  expect(deployment.requests).toEqual([]);
});
