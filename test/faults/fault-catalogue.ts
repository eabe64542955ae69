import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/** A change of one file that a test has to notice. */
export type Fault = {
  /** The catalogue and the line, such as `template:12`. */
  id: string;
  group: string;
  file: string;
  /** Occurs in the file exactly once. */
  text: string;
  replacement: string;
  /** The test files that should notice it; `types` is the compiler. */
  tests: string[];
};

/**
 * The faults of `test/faults/*.txt`, one a line: group, file, text and replacement, and the test files, below `test` and
 * without their extension. Lines that begin with `#`, and empty ones, are comments.
 *
 * @throws Error naming a line of another form
 */
export function readCatalogue(folder = import.meta.dirname): Fault[] {
  const catalogues = globSync('*.txt', { cwd: folder }).sort();
  return catalogues.flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        line === '' || line.startsWith('#') ? [] : [parseFault(line, `${basename(name, '.txt')}:${index + 1}`)],
      ),
  );
}

const form =
  /^(?<group>[^|]+) \| (?<file>[\w./-]+) \| (?<text>.+) ⇒(?: (?<replacement>.*))? \| (?<tests>[\w./-]+(?: [\w./-]+)*)$/;

function parseFault(line: string, id: string): Fault {
  const { group, file, text, replacement = '', tests } = form.exec(line)?.groups ?? {};
  if (!group || !file || !text || !tests) {
    throw new Error(`${id} is ${JSON.stringify(line)}: write group | file | text ⇒ replacement | tests`);
  }
  return { id, group, file, text, replacement, tests: tests.split(' ') };
}

/** The file with the fault. @throws Error when the file does not contain the text exactly once */
export function planted({ id, file, text, replacement }: Fault, source: string): string {
  const [before, after, ...others] = source.split(text);
  if (after === undefined || others.length > 0) {
    const count = after === undefined ? 0 : others.length + 1;
    throw new Error(`${id}: ${file} contains ${JSON.stringify(text)} ${count} times: correct the catalogue`);
  }
  return before + replacement + after;
}

/** The path of a test file of a fault. */
export const testPath = (test: string): string => `test/${test}.test.ts`;
