/**
 * The cost of a request, of a dashboard view and of a revocation in requests to the table and bytes read, as sessions grow
 * from a thousand to a million and calls to ten million. The data are generated (`growth/generated-data.ts`): the figures
 * do not depend on the speed of the machine.
 *
 * `npm run bench:growth -- [--sessions N] [--json] [--svg]`
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { DataSize } from './growth/generated-data.ts';
import { pictureOf } from './growth/growth-picture.ts';
import { type Group, groups, views } from './growth/growth-views.ts';
import { growthOf, type Measured, measure } from './growth/measured-view.ts';
import { requestsIn } from './growth/table-cost.ts';

const help = `npm run bench:growth -- [--sessions N | --busy] [--json] [--svg]

Measures the cost of requests, views and revocations in requests to the table and bytes read, by the amount of data.

  --sessions N  the largest number of sessions: 1000, 10000, 100000 or 1000000 (default). Each has ten calls.
  --busy        measures a million calls a day for 29 days; takes several minutes
  --json        prints JSON
  --svg         draws the curves into docs/pictures
`;

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '1000000' },
    busy: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    svg: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit();
}

const all: DataSize[] = [
  { sessions: 1_000, users: 1_000 },
  { sessions: 10_000, users: 4_000 },
  { sessions: 100_000, users: 15_000 },
  { sessions: 1_000_000, users: 50_000 },
].map((each) => ({ ...each, days: 29, longest: 500 }));
const busy = { sessions: 2_900_000, users: 50_000, days: 29, longest: 500 };
const sizes = values.busy ? [busy] : all.filter(({ sessions }) => sessions <= Number(values.sessions));
if (sizes.length === 0) throw new Error(`--sessions is ${values.sessions}: use a number of 1000 or more`);

const measured: Measured[] = [];
for (const size of sizes) {
  let reported = 0;
  const progress = (share: number) => {
    if (share < reported + 0.1 && share < 1) return;
    reported = share;
    console.error(`${size.sessions} sessions: ${Math.round(share * 100)} % of the calls are aggregated`);
  };
  measured.push(...(await measure(size, progress)));
}
const costsOf = (name: string) => measured.filter(({ view }) => view.name === name).map(({ cost }) => cost);

if (values.json) {
  const rows = measured.map(({ view, size, cost }) => ({
    view: view.name,
    sessions: size.sessions,
    calls: size.sessions * 10,
    users: size.users,
    ...cost,
    requests: requestsIn(cost),
    byOperation: cost.requests,
  }));
  console.log(JSON.stringify(rows, null, 2));
} else {
  const columns = sizes.map(({ sessions }) => `${sessions.toLocaleString('en')} sessions`.padStart(24)).join('');
  console.log(`${'requests, KB read, read units (write units)'.padEnd(44)}${columns}      growth`);
  for (const { name } of views) {
    const costs = costsOf(name);
    const cells = costs.map((cost) => {
      const writes = cost.writeUnits > 0 ? ` (${cost.writeUnits})` : '';
      return `${requestsIn(cost)}, ${(cost.bytes / 1024).toFixed(1)}, ${cost.readUnits}${writes}`.padStart(24);
    });
    const growth = growthOf(costs);
    console.log(`${name.padEnd(44)}${cells.join('')}  ${growth.requests.toFixed(1)} x, ${growth.bytes.toFixed(1)} x`);
  }
}

if (values.svg && !values.busy) {
  for (const group of Object.keys(groups) as Group[]) {
    const curves = views
      .filter((view) => view.group === group)
      .map(({ name }) => ({
        name,
        points: costsOf(name).map((cost, index) => ({
          sessions: sizes[index]!.sessions,
          requests: requestsIn(cost),
          kilobytes: cost.bytes / 1024,
        })),
      }));
    const file = fileURLToPath(new URL(`../docs/pictures/growth-${group}.svg`, import.meta.url));
    writeFileSync(file, pictureOf(groups[group], curves));
  }
}
