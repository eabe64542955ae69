import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keptFiles } from '../../lib/bundle/kept-files.ts';

let folder: string;
let builds: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-kept-files-'));
  builds = 0;
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The text of the file that is built of the inputs, in a folder that does not exist at first. */
function built(...inputs: (string | Uint8Array)[]): string {
  const build = (): [string, Uint8Array][] => [['index.cjs', Buffer.from(`build ${++builds}`)]];
  const [[path, contents] = ['', Buffer.of()]] = keptFiles('parts', inputs, build, join(folder, 'cache'));
  expect(path).toBe('index.cjs');
  return Buffer.from(contents).toString();
}

test('files of the same inputs are built once', () => {
  expect(built('a', Buffer.from('b'))).toBe('build 1');
  expect(built('a', Buffer.from('b'))).toBe('build 1');
});

test.each([
  ['another content', ['a', 'c']],
  ['another end of an input', ['ab', '']],
  ['a further input', ['a', 'b', '']],
])('files of %s are built again', (_name, inputs) => {
  built('a', 'b');
  expect(built(...inputs)).toBe('build 2');
  expect(built('a', 'b')).toBe('build 3');
});

test('files that are kept in an unreadable form are built again', () => {
  built('a');
  writeFileSync(join(folder, 'cache/parts.bin'), 'not serialized');
  expect(built('a')).toBe('build 2');
  expect(built('a')).toBe('build 2');
});
