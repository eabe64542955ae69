/** `note` is information and no verdict. */
export type Verdict = 'ok' | 'note' | 'warn' | 'fail';

/** One thing that was looked at. */
export type Finding = {
  /** What was looked at, such as `challenge/POST`: the same in every version, for programs. */
  check: string;
  verdict: Verdict;
  /** What was seen. */
  found: string;
  /** What it does to clients. */
  why?: string;
  /** How to mend it. */
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

/** What a server said, as it can be shown: short, and between quotation marks. */
export const quoted = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};
