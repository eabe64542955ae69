import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callJournalFile } from '../../lambda/adapters/call-journal-file.ts';
import type { OpenCall } from '../../lambda/core/audit/call-journal.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journal-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const callOf = (tool: string): OpenCall => ({
  ...{ id: 'c', at: 1, user: 'u', client: 'a', grant: 'g', session: 's', era: 'modern', method: 'tools/call' },
  tool,
  bytesIn: 2,
});

function journalOf() {
  const events: [string, unknown][] = [];
  return { journal: callJournalFile(folder, (event, details) => void events.push([event, details])), events };
}

test('a process finds the calls that the process before it has kept last, and none after their end', () => {
  const { journal, events } = journalOf();
  expect(journal.unfinished()).toEqual([]);
  journal.keep([callOf('a tool with a long name'), callOf('another')]);
  journal.keep([callOf('short')]);
  expect(journalOf().journal.unfinished()).toEqual([callOf('short')]);
  const batch = Array.from({ length: 40 }, (_, index) => callOf(`ä名${index}`));
  journal.keep(batch);
  expect(journalOf().journal.unfinished()).toEqual(batch);
  journal.keep([]);
  expect(journalOf().journal.unfinished()).toEqual([]);
  expect(events).toEqual([]);
});

test('a call is found after its process was killed, as for lack of memory', () => {
  const file = join(__dirname, '../../lambda/adapters/call-journal-file.ts');
  const program = `const { callJournalFile } = await import(${JSON.stringify(file)});
    callJournalFile(${JSON.stringify(folder)}, console.error).keep([${JSON.stringify(callOf('last'))}]);
    process.kill(process.pid, 'SIGKILL');`;
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
  expect(signal).toBe('SIGKILL');
  expect(journalOf().journal.unfinished()).toEqual([callOf('last')]);
});

test('a folder that cannot be written is one log event, and fails no call', () => {
  rmSync(folder, { recursive: true });
  const { journal, events } = journalOf();
  expect(journal.unfinished()).toEqual([]);
  journal.keep([callOf('a')]);
  journal.keep([]);
  expect(events).toEqual([['call_journal_failed', { cause: expect.stringContaining('ENOENT') }]]);
});

test('a file that is no journal is logged, and the next call replaces it', () => {
  writeFileSync(join(folder, 'holdfast-calls'), '[{"id"');
  const { journal, events } = journalOf();
  expect(journal.unfinished()).toEqual([]);
  expect(events).toEqual([['call_journal_failed', { cause: expect.stringContaining('SyntaxError') }]]);
  journal.keep([callOf('a')]);
  expect(journalOf().journal.unfinished()).toEqual([callOf('a')]);
  expect(readFileSync(join(folder, 'holdfast-calls'), 'utf8')).toMatch(/^\[.*\]\n/);
});
