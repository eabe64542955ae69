import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asMarkdown, type Results, withResults } from '../../bench/benchmark-results.ts';
import { coldFigures } from '../../bench/cold.ts';
import { type Figure, inTableOrder, isMet, ratioOf, spreadOf } from '../../bench/figure.ts';
import { countInstructions, runFresh } from '../../bench/function-process.ts';
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

describe('work that is measured in several ways', () => {
  const budget = { atMost: 0.3, of: 'ratio' } as const;
  const start = (measure: NonNullable<Figure['measure']>, name = 'G'): Figure => ({
    what: 'cold start',
    measure,
    unit: 'ms',
    ours: 4,
    reference: { name, value: 10, ratios: [0.2, 0.4, 0.6] },
    ...(name === 'G' && { budget }),
  });
  const size: Figure = { what: 'size', unit: 'KB', ours: 30, budget: { atMost: 40, of: 'ours' } };
  const verdicts = (figures: Figure[]) =>
    figureRows(inTableOrder(figures))
      .slice(1)
      .map(([what, , , ratio, , atMost, met]) => [what, ratio, atMost, met]);

  test('has its budget at the instructions alone, and ratios at all', () => {
    expect(verdicts([start('time'), start('CPU time'), size, start('instructions')])).toEqual([
      ['cold start, instructions', '0.40', '≤ 0.3 ×', 'MISSED'],
      ['cold start, CPU time', '0.40', '', ''],
      ['cold start, time', '0.40', '', ''],
      ['size', '', '≤ 40.0 KB', 'met'],
    ]);
  });

  test('has its budget at the CPU time where instructions are not counted', () => {
    expect(verdicts([start('time'), start('CPU time')])).toEqual([
      ['cold start, CPU time', '0.40', '≤ 0.3 ×', 'MISSED'],
      ['cold start, time', '0.40', '', ''],
    ]);
  });

  test('has no budget at a second reference', () => {
    expect(verdicts([start('instructions'), start('instructions', 'G, fast')])).toEqual([
      ['cold start, instructions', '0.40', '≤ 0.3 ×', 'MISSED'],
      ['cold start, instructions', '0.40', '', ''],
    ]);
  });

  test('has the range of all counts of instructions, and of the middle half of the rounds elsewhere', () => {
    expect(spreadOf(start('instructions'))).toEqual([0.2, 0.6]);
    expect(spreadOf(start('CPU time'))!.map((each) => each.toFixed(1))).toEqual(['0.3', '0.5']);
  });

  test('has no range after one round', () => {
    expect(spreadOf({ ...start('instructions'), reference: { name: 'G', value: 10, ratios: [0.4] } })).toBeUndefined();
  });
});

describe('cold starts of several functions', () => {
  test('add up in each round, and are compared with G in both forms', () => {
    const values: Record<string, number[]> = {
      G: [10, 20, 40],
      'strong-G': [5, 10, 20],
      authorizer: [1, 2, 3],
      ours: [3, 4, 5],
    };
    const chain = coldFigures({ measure: 'CPU time', unit: 'ms' }, (id) => values[id] ?? []).filter(
      ({ what }) => what === 'cold chain',
    );
    expect(chain.map(({ ours, reference, budget }) => [ours, reference, budget])).toEqual([
      [6, { name: 'G', value: 20, ratios: [0.4, 0.3, 0.2] }, { atMost: 0.5, of: 'ratio' }],
      [6, { name: 'G, fast', value: 10, ratios: [0.8, 0.6, 0.4] }, undefined],
    ]);
  });

  test('have no figure without measurements of each function and of the reference', () => {
    const values: Record<string, number[]> = { G: [10], ours: [3] };
    const figures = coldFigures({ measure: 'CPU time', unit: 'ms' }, (id) => values[id] ?? []);
    expect(figures.map(({ what, reference }) => [what, reference!.name])).toEqual([['cold start, MCP function', 'G']]);
  });
});

describe('the results', () => {
  const results: Results = {
    figures: [{ what: 'size', unit: 'KB', ours: 30, budget: { atMost: 20, of: 'ours' } }],
    comparisons: [{ title: 'Cold start', columns: ['ms'], rows: [{ name: 'G', values: [261] }] }],
    missing: [{ name: 'instructions, so CPU time has their budgets', reason: 'the PATH has no valgrind' }],
    rounds: 15,
    loadBefore: 0.04,
    seconds: { sizes: 1, cold: 80 },
  };

  test('in Markdown state machine, load, rounds and duration, what is not measured, and the missed budgets', () => {
    expect(asMarkdown(results).split('\n\n')).toEqual([
      expect.stringMatching(
        /^Node v.* 0\.0 of them busy before the run; 15 rounds; 81 seconds \(sizes 1, cold 80\)\.$/,
      ),
      expect.stringContaining('| size | 30.0 KB |  |  |  | ≤ 20.0 KB | MISSED |'),
      'Not measured: instructions, so CPU time has their budgets (the PATH has no valgrind).',
      'Missed budgets: size.',
      '### Cold start',
      expect.stringContaining('| G | 261 |'),
    ]);
  });

  test('replace those in docs/performance.md, and nothing else of the page', () => {
    const page = readFileSync(join(__dirname, '../../docs/performance.md'), 'utf8');
    const [before, after] = [page.split('<!-- begin')[0]!, page.split('<!-- end -->')[1]!];
    const changed = withResults(page, 'the results\n');
    expect(changed).toBe(`${before}<!-- begin: npm run bench -- --save -->\n\nthe results\n\n<!-- end -->${after}`);
  });

  test('of a page without the comments around them are not saved', () => {
    expect(() => withResults('# Performance', 'the results')).toThrow('<!-- end -->');
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

  test('without valgrind on the PATH has no instructions, and the error states it', async () => {
    const { PATH } = process.env;
    process.env.PATH = folder;
    try {
      const counted = countInstructions({ file: join(folder, 'index.cjs'), handler: 'handler', requests: [] }, {});
      await expect(counted).rejects.toThrow('the PATH has no valgrind');
    } finally {
      process.env.PATH = PATH;
    }
  });

  test('fails with the response that differs from the expected one', async () => {
    const file = join(folder, 'other.cjs');
    writeFileSync(file, "exports.handler = async () => ({ body: 'something else' });");
    const requests = [{ event: '{}', segments: [1], expect: 'Allow' }];
    await expect(runFresh({ file, handler: 'handler', requests }, {})).rejects.toThrow('something else');
  });
});
