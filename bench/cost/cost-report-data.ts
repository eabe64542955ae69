import { type Traffic, usualTraffic } from './assumed-traffic.ts';
import { callLines, freeLines, idleLines, type Line, otherLines, sumOf } from './bill.ts';
import type { Measurement } from './measured-work.ts';
import type { Stack } from './priced-stack.ts';

/**
 * What a million calls of tools may cost at list price, for what each of them does: answers that stream through a REST
 * API, 512 MB on ARM, 20 ms, the authorizer remembered for nine in ten.
 */
export const BUDGET_DOLLARS = 5.2;
const MILLION = 1_000_000;

const budgetTraffic: Traffic = {
  ...usualTraffic,
  'calls-per-month': MILLION,
  'calls-per-burst': 10,
  'request-milliseconds': 20,
  'tool-milliseconds': 0,
  memory: 512,
};

export type Report = {
  traffic: Traffic;
  /** Dollars of the budget's own assumptions, whatever the traffic. */
  budget: { atMost: number; ours: number; met: boolean };
  idle: Line[];
  calls: Line[];
  others: Line[];
  /** Negative; empty without free tiers. */
  free: Line[];
  idleSum: number;
  callsSum: number;
  othersSum: number;
  freeSum: number;
  monthSum: number;
  /** Of a million calls, with all that comes with them and without what is there anyway. */
  perMillion: number;
};

/** @throws Error for a measurement of a table with other indexes */
export function report(stack: Stack, measurement: Measurement, traffic: Traffic, withFreeTier = false): Report {
  const [measured, has] = [measurement.indexes, stack.indexes].map((names) => names.join(', '));
  if (measured !== has)
    throw new Error(`The table has the indexes ${has}, and ${measured} were measured: measure again`);
  const idle = idleLines(stack, measurement, traffic);
  const calls = callLines(stack, measurement, traffic);
  const others = otherLines(stack, measurement, traffic);
  const free = withFreeTier ? freeLines([...idle, ...calls, ...others]) : [];
  const ours = sumOf(callLines(stack, measurement, budgetTraffic));
  const [idleSum, callsSum, othersSum, freeSum] = [idle, calls, others, free].map(sumOf) as [
    number,
    number,
    number,
    number,
  ];
  return {
    traffic,
    budget: { atMost: BUDGET_DOLLARS, ours, met: ours <= BUDGET_DOLLARS },
    idle,
    calls,
    others,
    free,
    idleSum,
    callsSum,
    othersSum,
    freeSum,
    monthSum: idleSum + callsSum + othersSum + freeSum,
    perMillion: traffic['calls-per-month'] === 0 ? 0 : ((callsSum + othersSum) * MILLION) / traffic['calls-per-month'],
  };
}
