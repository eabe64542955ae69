import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAssembly } from '../local/synthesis.ts';
import { BUDGET_DOLLARS, report } from './cost/report.ts';
import { readStack, type TemplateJson } from './cost/stack.ts';
import { usualTraffic } from './cost/traffic.ts';
import type { Bench, Outcome } from './part.ts';

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
