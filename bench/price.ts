import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAssembly } from '../local/template/cloud-assembly.ts';
import type { Bench, Outcome } from './benchmark-part.ts';
import { usualTraffic } from './cost/assumed-traffic.ts';
import { dollarsOf, INITIALIZATION } from './cost/bill.ts';
import { BUDGET_DOLLARS, report } from './cost/cost-report-data.ts';
import { readStack, type TemplateJson } from './cost/priced-stack.ts';

/** The list price of a million calls, from the template and the counted requests. `npm run bench:cost` has the line items. */
export async function price({ assembly }: Bench): Promise<Outcome> {
  const stack = readStack(readAssembly(assembly).template as unknown as TemplateJson);
  const measured = JSON.parse(readFileSync(join(import.meta.dirname, 'cost/measured.json'), 'utf8'));
  const { budget, calls, idleSum } = report(stack, measured, usualTraffic);
  return {
    figures: [
      {
        what: 'a million calls at list price, with CloudFront',
        unit: '$',
        ours: budget.ours,
        budget: { atMost: BUDGET_DOLLARS, of: 'ours' },
        note: 'computed; npm run bench:cost prints the line items.',
      },
      {
        what: 'initialization of functions in these calls, estimated',
        unit: '$',
        ours: dollarsOf(calls.find(({ what }) => what === INITIALIZATION)!),
      },
      { what: 'a month without calls', unit: '$', ours: idleSum, note: 'the KMS keys, above all.' },
    ],
  };
}
