import { memoryStores } from '../../../lambda/adapters/memory/memory-stores.ts';
import { systemClock } from '../../../lambda/adapters/system-clock.ts';
import { ClientDocumentError } from '../../../lambda/core/oauth/clients/client-document.ts';
import { ClientDocuments } from '../../../lambda/core/oauth/clients/client-documents.ts';
import type { FetchedDocument } from '../../../lambda/core/oauth/clients/document-freshness.ts';
import { ServiceUnavailableError } from '../../../lambda/core/support/service-unavailable-error.ts';

const id = 'https://client.example/client.json';
const documentOf = (clientId: string, change = {}) =>
  JSON.stringify({
    client_id: clientId,
    client_name: 'Client',
    redirect_uris: ['https://client.example/cb'],
    ...change,
  });

/** Processes of one deployment over the same stores, whose hosts answer as they are told. */
class Deployment {
  time = 1_800_000_000;
  readonly #stores = memoryStores();
  /** Addresses that were asked, with the tag of the known copy. */
  readonly asked: [url: string, etag: string | undefined][] = [];
  answer: (url: string) => FetchedDocument | Promise<FetchedDocument> = (url) => ({
    kind: 'document',
    text: documentOf(url),
  });

  process(): ClientDocuments {
    return new ClientDocuments({
      store: this.#stores.documents,
      paces: this.#stores.paces,
      fetcher: {
        fetch: async (url, etag) => {
          this.asked.push([url, etag]);
          return this.answer(url);
        },
      },
      reach: { ownHost: 'mcp.example.com', anywhere: false },
      clock: { now: () => this.time * 1000, sleep: systemClock.sleep },
      random: Math.random,
      log: () => undefined,
    });
  }
}

let deployment: Deployment;
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick'] });
  deployment = new Deployment();
});
afterEach(() => jest.useRealTimers());

/** Lets time pass, for those who wait and on the clock alike, until the work is done. */
async function passing<T>(work: Promise<T>): Promise<T> {
  let done = false;
  const settled = work.finally(() => {
    done = true;
  });
  settled.catch(() => undefined);
  while (!done) {
    await jest.advanceTimersByTimeAsync(500);
    deployment.time += 0.5;
  }
  return settled;
}

test('a document is fetched once while it is fresh, whoever asks', async () => {
  deployment.answer = () => ({ kind: 'document', text: documentOf(id), etag: '"1"', cacheControl: 'max-age=600' });
  const [one, other] = [deployment.process(), deployment.process()];
  expect(await one.metadata(id)).toMatchObject({ name: 'Client' });
  deployment.time += 599;
  await other.metadata(id);
  expect(deployment.asked).toEqual([[id, undefined]]);
  deployment.time += 1;
  deployment.answer = () => ({ kind: 'unchanged' });
  expect(await other.metadata(id)).toMatchObject({ name: 'Client' });
  expect(deployment.asked[1]).toEqual([id, '"1"']);
});

test('of many that ask at once, one fetches and all are answered', async () => {
  deployment.answer = (url) =>
    new Promise((resolve) => setTimeout(() => resolve({ kind: 'document', text: documentOf(url) }), 3000));
  const asking = Array.from({ length: 20 }, () => deployment.process().metadata(id));
  const answers = await passing(Promise.all(asking));
  expect(answers.every(({ name }) => name === 'Client')).toBe(true);
  expect(deployment.asked).toHaveLength(1);
});

test('what a document no longer says counts no longer, once it has been fetched again', async () => {
  await deployment.process().metadata(id);
  deployment.answer = () => ({
    kind: 'document',
    text: documentOf(id, { redirect_uris: ['https://client.example/new'] }),
  });
  deployment.time += 24 * 3600;
  expect((await deployment.process().metadata(id)).redirectUris).toEqual(['https://client.example/new']);
});

test('a document that is refused is not asked for again at once, nor kept as one', async () => {
  deployment.answer = () => ({ kind: 'document', text: '{}' });
  await expect(deployment.process().metadata(id)).rejects.toThrow(ClientDocumentError);
  deployment.answer = () => ({ kind: 'document', text: documentOf(id) });
  deployment.time += 29;
  await expect(deployment.process().metadata(id)).rejects.toThrow(ClientDocumentError);
  expect(deployment.asked).toHaveLength(1);
  deployment.time += 1;
  expect(await deployment.process().metadata(id)).toMatchObject({ name: 'Client' });
});

test('a document that turned bad is forgotten; one whose host is out of reach serves for a day', async () => {
  await deployment.process().metadata(id);
  deployment.time += 3600;
  deployment.answer = () => {
    throw new ServiceUnavailableError('The client’s document', new Error('timeout'));
  };
  expect(await deployment.process().metadata(id)).toMatchObject({ name: 'Client' });
  deployment.time += 25 * 3600;
  await expect(deployment.process().metadata(id)).rejects.toThrow(ServiceUnavailableError);
  deployment.time += 3600;
  deployment.answer = () => {
    throw new ClientDocumentError('its host answered 404');
  };
  await expect(deployment.process().metadata(id)).rejects.toThrow(ClientDocumentError);
});

test('a host is asked no more than once a second', async () => {
  const times: number[] = [];
  deployment.answer = (url) => {
    times.push(deployment.time);
    return { kind: 'document', text: documentOf(url) };
  };
  const ids = [1, 2, 3].map((each) => `https://client.example/${each}/client.json`);
  await passing(Promise.all(ids.map((each) => deployment.process().metadata(each))));
  expect(times).toHaveLength(3);
  for (const [index, time] of times.slice(1).entries()) expect(time - times[index]!).toBeGreaterThanOrEqual(1);
});

test('a thousand ids at a thousand hosts are asked no faster than the pace, and the rest is put off', async () => {
  const asking = Array.from({ length: 1000 }, (_, index) =>
    deployment.process().metadata(`https://client-${index}.example/client.json`),
  );
  const began = deployment.time;
  const outcomes = await passing(Promise.allSettled(asking));
  // 32 at once, and 4 for each second that passed on the clock until the last had asked.
  expect(deployment.asked.length).toBeGreaterThanOrEqual(32);
  expect(deployment.asked.length).toBeLessThanOrEqual(32 + 4 * (deployment.time - began));
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason);
  expect(refused).toHaveLength(1000 - deployment.asked.length);
  expect(refused.every((reason) => reason instanceof ServiceUnavailableError)).toBe(true);
});

test('a thousand ids at one host do not use up what the others need', async () => {
  const flood = Array.from({ length: 1000 }, (_, index) =>
    deployment
      .process()
      .metadata(`https://flood.example/${index}.json`)
      .catch(() => undefined),
  );
  await passing(deployment.process().metadata(id));
  await passing(Promise.all(flood));
  expect(deployment.asked.filter(([url]) => url.startsWith('https://flood.example')).length).toBeLessThanOrEqual(5);
  expect(deployment.asked).toContainEqual([id, undefined]);
});

test('a flood of ids at its own host, or at all, does not shut out a client that is known', async () => {
  await deployment.process().metadata(id);
  deployment.time += 3600;
  const { host } = new URL(id);
  for (const floodAt of [(_: number) => host, (index: number) => `flood-${index}.example`]) {
    const flood = Array.from({ length: 200 }, (_, index) =>
      deployment
        .process()
        .metadata(`https://${floodAt(index)}/${index}.json`)
        .catch(() => undefined),
    );
    expect(await passing(deployment.process().metadata(id))).toMatchObject({ name: 'Client' });
    await passing(Promise.all(flood));
  }
});

test('keys are fetched again for the sake of a missing one, but not time and again', async () => {
  const url = 'https://client.example/jwks.json';
  let kid = 'old';
  deployment.answer = () => ({
    kind: 'document',
    text: JSON.stringify({ keys: [{ kty: 'EC', kid }] }),
    cacheControl: 'max-age=86400',
  });
  await deployment.process().keys(url);
  kid = 'new';
  deployment.time += 59;
  expect(await deployment.process().keys(url, true)).toMatchObject({ keys: [{ kid: 'old' }] });
  deployment.time += 2;
  expect(await deployment.process().keys(url)).toMatchObject({ keys: [{ kid: 'old' }] });
  expect(await deployment.process().keys(url, true)).toMatchObject({ keys: [{ kid: 'new' }] });
  expect(await deployment.process().keys(url, true)).toMatchObject({ keys: [{ kid: 'new' }] });
  expect(deployment.asked).toHaveLength(2);
});

test('an address that may not be fetched is not', async () => {
  await expect(deployment.process().metadata('https://127.0.0.1/client.json')).rejects.toThrow(ClientDocumentError);
  expect(deployment.asked).toEqual([]);
});
