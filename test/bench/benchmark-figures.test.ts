import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Figure, isMet, ratioOf, spreadOf } from '../../bench/figure.ts';
import { runFresh } from '../../bench/function-process.ts';
import { median, quartiles } from '../../bench/median.ts';
import { figureRows, markdownTable } from '../../bench/text-columns.ts';

describe('a figure', () => {
  /** The slow last round is slow for both. */
  const paired: Figure = {
    what: 'cold start',
    unit: 'ms',
    ours: 11,
    reference: { name: 'G', value: 20, ratios: [0.5, 0.4, 0.6, 0.5, 0.51] },
    budget: { atMost: 0.5, of: 'ratio' },
  };

  test('measured in rounds has the median of the ratios of the rounds, not the ratio of the medians', () => {
    expect(ratioOf(paired)).toBe(0.5);
    expect(isMet(paired)).toBe(true);
  });

  test('measured in rounds has the range of the middle half of the rounds', () => {
    expect(spreadOf(paired)).toEqual([0.5, 0.51]);
  });

  test('measured once has the ratio to its reference, and no range', () => {
    const once: Figure = { what: 'size', unit: 'KB', ours: 30, reference: { name: 'G', value: 40 } };
    expect(ratioOf(once)).toBe(0.75);
    expect(spreadOf(once)).toBeUndefined();
    expect(isMet(once)).toBeUndefined();
  });

  test('above its budget is marked as missed in its row', () => {
    const [, row] = figureRows([{ ...paired, budget: { atMost: 0.49, of: 'ratio' } }]);
    expect(row).toEqual(['cold start', '11.0 ms', '20.0 ms (G)', '0.50', '0.50–0.51', '≤ 0.49 ×', 'MISSED']);
  });

  test('is a row of a Markdown table', () => {
    const [head, rule, row] = markdownTable(figureRows([paired])).split('\n');
    expect(head).toMatch(/^\| {2}\| Holdfast \|/);
    expect(rule).toBe('| --- | --: | --: | --: | --: | --: | --: |');
    expect(row).toBe('| cold start | 11.0 ms | 20.0 ms (G) | 0.50 | 0.50–0.51 | ≤ 0.5 × | met |');
  });
});

test('the quartiles of an odd number of values include the median in both halves', () => {
  expect(quartiles([5, 1, 3, 2, 4])).toEqual([2, 4]);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

describe('a fresh process', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-figures-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    ['requires a CommonJS function', 'index.cjs', 'exports.handler = async () => ({ body: typeof module });', 'object'],
    [
      'imports a function that is an ES module',
      'index.mjs',
      'export const handler = async () => ({ body: typeof module });',
      'undefined',
    ],
  ])('%s, as the runtime client of Lambda does', async (_what, name, source, expect_) => {
    const file = join(folder, name);
    writeFileSync(file, source);
    const requests = [{ event: '{}', segments: [2, 1], expect: expect_ }];
    const { answers } = await runFresh({ file, handler: 'handler', requests }, {});
    expect(answers[0]).toHaveLength(2);
  });

  test('fails with the response that differs from the expected one', async () => {
    const file = join(folder, 'other.cjs');
    writeFileSync(file, "exports.handler = async () => ({ body: 'something else' });");
    const requests = [{ event: '{}', segments: [1], expect: 'Allow' }];
    await expect(runFresh({ file, handler: 'handler', requests }, {})).rejects.toThrow('something else');
  });
});
