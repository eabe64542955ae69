import { type Assumption, assumptions } from './assumed-traffic.ts';
import type { Report } from './cost-report-data.ts';
import { money, quantityText, textTable } from './number-text.ts';
import { PRICES_OF, prices, REGION } from './prices.ts';
import { published } from './published-prices.ts';

/** The report for a terminal. */
export function asText(given: Report): string {
  const { traffic, budget, idle, calls, others, free, idleSum, callsSum, othersSum, freeSum, monthSum, perMillion } =
    given;
  const count = quantityText(traffic['calls-per-month']);
  const names = Object.keys(assumptions) as Assumption[];
  const width = Math.max(...names.map((name) => name.length));
  return [
    `List prices of ${REGION} on ${PRICES_OF}${free.length > 0 ? ', less the free tier' : ', before free tiers'}. A month has 30 days.`,
    `A month without calls\n${textTable(idle, 'sum', idleSum)}`,
    `${count} calls\n${textTable(calls, 'sum', callsSum)}`,
    `Related costs\n${textTable(others, 'sum with the calls', callsSum + othersSum)}`,
    ...(free.length > 0 ? [`Free tier\n${textTable(free, 'sum', freeSum)}`] : []),
    [
      `Month: $${money(monthSum)}. A million calls with related costs, at list price: $${money(perMillion)}.`,
      `Budget for a million calls (512 MB, 20 ms, authorizer cached for 90 %, CloudFront, initializations): <= $${money(budget.atMost)}; ` +
        `computed $${money(budget.ours)}, ${budget.met ? 'met' : 'MISSED'}.`,
    ].join('\n'),
    `Assumptions\n${names.map((name) => `  --${name.padEnd(width)}  ${String(traffic[name]).padStart(9)}  ${assumptions[name].means}`).join('\n')}`,
    `Published by others\n${published.map(({ name, figure, source, date }) => `  ${name}: ${figure}\n    ${source} (${date})`).join('\n')}`,
    `Sources of the prices\n${[...new Set(Object.values(prices).map(({ source }) => source))].map((source) => `  ${source}`).join('\n')}`,
  ].join('\n\n');
}
