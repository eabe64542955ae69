import { type Traffic, usualTraffic } from './assumed-traffic.ts';
import { callLines, freeLines, idleLines, type Line, otherLines, sumOf } from './bill.ts';
import type { Measurement } from './measured-work.ts';
import { type Stack, withTelemetry } from './priced-stack.ts';

/**
 * The budget for a million tool calls at list price: responses that stream through CloudFront and a REST API, 512 MB on ARM,
 * 20 ms, a cached authorizer for nine of ten calls, and an estimate of initializations.
 */
export const BUDGET_DOLLARS = 5.95;
const MILLION = 1_000_000;

const budgetTraffic: Traffic = {
  ...usualTraffic,
  'calls-per-month': MILLION,
  'calls-per-burst': 10,
  'minutes-per-burst': 6,
  'request-milliseconds': 20,
  'tool-milliseconds': 0,
  memory: 512,
};

export type Report = {
  traffic: Traffic;
  /** In dollars, at the assumptions of the budget. */
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
  /** Of a million calls with their related costs, without idle costs. */
  perMillion: number;
  /** The additional costs of the setting `telemetry`, in dollars. */
  telemetry: { idle: number; others: number };
};

/** @throws Error for a measurement of a table with other indexes */
export function report(stack: Stack, measurement: Measurement, traffic: Traffic, withFreeTier = false): Report {
  const [measured, expected] = [measurement.indexes, stack.indexes].map((names) => names.join(', '));
  if (measured !== expected)
    throw new Error(`The table has the indexes ${expected}, the measurement ${measured}: measure again`);
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
    telemetry: {
      idle: sumOf(idleLines(withTelemetry(stack), measurement, traffic)) - idleSum,
      others: sumOf(otherLines(withTelemetry(stack), measurement, traffic)) - othersSum,
    },
    perMillion: traffic['calls-per-month'] === 0 ? 0 : ((callsSum + othersSum) * MILLION) / traffic['calls-per-month'],
  };
}
