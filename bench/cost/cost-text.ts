import { type Assumption, assumptions } from './assumed-traffic.ts';
import type { Report } from './cost-report-data.ts';
import { money, quantityText, textTable } from './number-text.ts';
import { PRICES_OF, prices, REGION } from './prices.ts';
import { published } from './published-prices.ts';

/** The whole report, for people at a terminal. */
export function asText(given: Report): string {
  const { traffic, budget, idle, calls, others, free, idleSum, callsSum, othersSum, freeSum, monthSum, perMillion } =
    given;
  const count = quantityText(traffic['calls-per-month']);
  const names = Object.keys(assumptions) as Assumption[];
  const width = Math.max(...names.map((name) => name.length));
  return [
    `List prices of ${REGION} on ${PRICES_OF}${free.length > 0 ? ', less what an account has for nothing' : ', before any free tier'}. A month has 30 days.`,
    `A month in which nobody calls\n${textTable(idle, 'sum', idleSum)}`,
    `${count} calls: what each of them does\n${textTable(calls, 'sum', callsSum)}`,
    `What comes with them\n${textTable(others, 'with the calls', callsSum + othersSum)}`,
    ...(free.length > 0 ? [`Less\n${textTable(free, 'sum', freeSum)}`] : []),
    [
      `The month: $${money(monthSum)}. A million calls with all that comes with them, at list price: $${money(perMillion)}.`,
      `Budget for what a million calls do (512 MB, 20 ms, the authorizer remembered for 90 %): <= $${money(budget.atMost)}; ` +
        `ours $${money(budget.ours)}, ${budget.met ? 'met' : 'MISSED'}.`,
    ].join('\n'),
    `Assumed\n${names.map((name) => `  --${name.padEnd(width)}  ${String(traffic[name]).padStart(9)}  ${assumptions[name].means}`).join('\n')}`,
    `Published by others\n${published.map(({ name, figure, source, date }) => `  ${name}: ${figure}\n    ${source} (${date})`).join('\n')}`,
    `Prices from\n${[...new Set(Object.values(prices).map(({ source }) => source))].map((source) => `  ${source}`).join('\n')}`,
  ].join('\n\n');
}
