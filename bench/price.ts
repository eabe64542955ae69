import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAssembly } from '../local/template/synthesis.ts';
import type { Bench, Outcome } from './benchmark-part.ts';
import { usualTraffic } from './cost/assumed-traffic.ts';
import { BUDGET_DOLLARS, report } from './cost/cost-report-data.ts';
import { readStack, type TemplateJson } from './cost/priced-stack.ts';

/** What a million calls cost at list price, by the template and by what was counted; `npm run bench:cost` has the lines. */
export async function price({ assembly }: Bench): Promise<Outcome> {
  const stack = readStack(readAssembly(assembly).template as unknown as TemplateJson);
  const measured = JSON.parse(readFileSync(join(import.meta.dirname, 'cost/measured.json'), 'utf8'));
  const { budget, idleSum } = report(stack, measured, usualTraffic);
  return {
    figures: [
      {
        what: 'a million calls at list price',
        unit: '$',
        ours: budget.ours,
        budget: { atMost: BUDGET_DOLLARS, of: 'ours' },
        note: 'computed, not billed: npm run bench:cost has the lines.',
      },
      { what: 'a month without a call', unit: '$', ours: idleSum, end: 'the keys' },
    ],
  };
}
