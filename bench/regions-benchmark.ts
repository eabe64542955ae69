/**
 * Judges where the state of a grant may be read and written in a deployment of two regions: how often a client is signed
 * out wrongly, a theft is missed, or a code is redeemed twice. The core and the DynamoDB adapters run unchanged over a
 * simulated global table (`docs/multi-region.md`).
 *
 * `npm run bench:regions -- [--grants N] [--seed N] [--json]`. Equal seeds print equal figures, on any machine.
 */
import { parseArgs } from 'node:util';
import { figuresOf } from './regions/region-figures.ts';
import { scenarios, shapes } from './regions/region-scenarios.ts';
import { aligned } from './text-columns.ts';

const help = `npm run bench:regions -- [--grants N] [--seed N] [--json]

  --grants N  grants of each kind, for each figure (500)
  --seed N    of the random numbers (1)
  --json      prints JSON
`;

const { values } = parseArgs({
  options: {
    grants: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

/** One table for each scenario: the shapes in columns. */
async function main(): Promise<void> {
  const all = [];
  for (const scenario of scenarios) {
    const figures: Record<string, number>[] = [];
    for (const shape of shapes) {
      figures.push(await figuresOf(scenario, shape, { grants: Number(values.grants), seed: Number(values.seed) }));
    }
    all.push(...figures.map((each, index) => ({ scenario: scenario.name, shape: shapes[index]!.name, figures: each })));
    const rows = Object.keys(figures[0]!).map((name) => [name, ...figures.map((each) => String(each[name]))]);
    const head = [scenario.name, ...shapes.map(({ name }) => name)];
    if (!values.json) console.log(`${aligned([head, ...rows])}\n`);
  }
  if (values.json) console.log(JSON.stringify(all, null, 2));
}

if (values.help) process.stdout.write(help);
else await main();
