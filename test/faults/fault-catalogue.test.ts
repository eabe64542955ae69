import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { planted, readCatalogue, testPath } from './fault-catalogue.ts';

const root = join(__dirname, '..', '..');
const catalogue = readCatalogue(__dirname);
const sources = new Map<string, string>();

function sourceOf(file: string): string {
  if (!sources.has(file)) sources.set(file, readFileSync(join(root, file), 'utf8'));
  return sources.get(file)!;
}

describe('the catalogue of faults', () => {
  test('has at least 120 faults, each with test files that exist', () => {
    expect(catalogue.length).toBeGreaterThanOrEqual(120);
    const tests = new Set(catalogue.flatMap((fault) => fault.tests).filter((name) => name !== 'types'));
    expect([...tests].filter((name) => !existsSync(join(root, testPath(name))))).toEqual([]);
  });

  test('applies to the sources: each text occurs once, and its replacement is another one', () => {
    const invalid = catalogue.filter((fault) => planted(fault, sourceOf(fault.file)) === sourceOf(fault.file));
    expect(invalid).toEqual([]);
  });

  test('has no fault that is an error of syntax, which any test would notice', () => {
    for (const fault of catalogue) {
      const loader = fault.file.endsWith('.json') ? 'json' : 'ts';
      transformSync(planted(fault, sourceOf(fault.file)), { loader });
    }
  });

  test('rejects a passage that occurs twice', () => {
    const fault = { id: 'a:1', group: 'g', file: 'a.ts', text: 'b', replacement: 'c', tests: ['d'] };
    expect(() => planted(fault, 'b b')).toThrow('a:1: a.ts contains "b" 2 times: correct the catalogue');
    expect(planted(fault, 'abd')).toBe('acd');
  });
});
