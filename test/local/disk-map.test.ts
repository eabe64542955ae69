import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { DiskMap } from '../../local/disk-map.ts';

const root = mkdtempSync(join(tmpdir(), 'holdfast-disk-map-'));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;
const newFolder = () => join(root, String(++folders));

const opened: DiskMap<number>[] = [];
async function open(folder?: string): Promise<DiskMap<number>> {
  const map = await DiskMap.open<number>(folder);
  opened.push(map);
  return map;
}
type Batch = (operations: unknown[], options: unknown) => Promise<void>;
const prototype = ClassicLevel.prototype as unknown as { batch: Batch };
const original = prototype.batch;
const batch = jest.spyOn(prototype, 'batch');
afterEach(async () => {
  for (const map of opened.splice(0)) await map.close();
  batch.mockClear();
});

/** Resolves when the next batch begins. @param outcome in place of the batch */
function nextBatch(outcome?: () => Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  batch.mockImplementationOnce(function (this: unknown, ...parameters) {
    resolve();
    return outcome === undefined ? original.apply(this, parameters) : outcome();
  });
  return promise;
}

async function contentOf(map: DiskMap<number>): Promise<Record<string, number>> {
  const content: Record<string, number> = {};
  for await (const [key, value] of map.entries()) content[key] = value;
  return content;
}

/** The content that a process finds which starts after a kill at this moment. */
async function contentAfterKill(folder: string): Promise<Record<string, number>> {
  const copy = newFolder();
  cpSync(folder, copy, { recursive: true });
  return contentOf(await open(copy));
}

test('a saved change survives a kill of the process', async () => {
  const folder = newFolder();
  const map = await open(folder);
  map.set('a', 1);
  map.set('b', 2);
  await map.save();
  map.delete('a');
  map.set('b', 3);
  await map.save();
  map.set('c', 4);
  expect(await contentAfterKill(folder)).toEqual({ b: 3 });
});

test('concurrent saves share one synced batch, and saves during it the next one', async () => {
  const map = await open(newFolder());
  const write = (key: string) => {
    map.set(key, 1);
    return map.save();
  };
  const begun = nextBatch();
  const first = Array.from({ length: 25 }, (_, n) => write(`first ${n}`));
  await begun;
  const second = Array.from({ length: 25 }, (_, n) => write(`second ${n}`));
  await Promise.all([...first, ...second]);
  expect(batch.mock.calls.map(([operations, options]) => [operations.length, options])).toEqual([
    [25, { sync: true }],
    [25, { sync: true }],
  ]);
});

test('the next save repeats a failed batch, without values that have changed since', async () => {
  const map = await open(newFolder());
  const failure = Promise.withResolvers<void>();
  const begun = nextBatch(() => failure.promise);
  map.set('a', 1);
  map.set('b', 1);
  const failing = map.save();
  await begun;
  map.set('a', 2);
  failure.reject(new Error('No space left'));
  await expect(failing).rejects.toThrow('No space left');
  await map.save();
  expect(await contentOf(map)).toEqual({ a: 2, b: 1 });
});

test('a map without a folder writes nothing', async () => {
  const map = await open();
  map.set('a', 1);
  await map.save();
  expect(batch).not.toHaveBeenCalled();
});
