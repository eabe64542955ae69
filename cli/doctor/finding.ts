import { printableJson, shorten } from '../../lambda/core/support/untrusted-text.ts';
import { isResponse, jsonObjectIn, type ProbeResult } from './http-probe.ts';

/** `note` is information, not a verdict. */
export type Verdict = 'ok' | 'note' | 'warn' | 'fail';

/** The outcome of one check. */
export type Finding = {
  /** Name of the check, such as `challenge/POST`. Stable across versions: programs read it. */
  check: string;
  verdict: Verdict;
  /** The observation. */
  found: string;
  /** Effect on clients. */
  why?: string;
  /** How to fix it. */
  mend?: string;
};

export type Remedy = { why: string; mend: string };

export const ok = (check: string, found: string): Finding => ({ check, verdict: 'ok', found });
export const note = (check: string, found: string): Finding => ({ check, verdict: 'note', found });
export const warn = (check: string, found: string, remedy: Remedy): Finding => ({
  check,
  verdict: 'warn',
  found,
  ...remedy,
});
export const fail = (check: string, found: string, remedy: Remedy): Finding => ({
  check,
  verdict: 'fail',
  found,
  ...remedy,
});

const MOST_QUOTED_CHARACTERS = 200;

/** A value that a server sent: as JSON, shortened. */
export const quoted = (value: unknown): string =>
  value === undefined ? 'missing' : shorten(printableJson(value), MOST_QUOTED_CHARACTERS);

/** Status and body of a response, or the problem without one. */
export const summaryOf = (result: ProbeResult): string =>
  isResponse(result) ? `${result.status} ${quoted(jsonObjectIn(result) ?? result.body)}` : result.problem;
