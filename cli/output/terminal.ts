import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Writable } from 'node:stream';
import { singleLine } from '../../lambda/core/support/untrusted-text.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { UsageError } from '../command-errors.ts';

/** Results go to standard output, everything else to standard error, so that a program can read the results. */

/** Resolves when the stream accepts more: results of a long list do not accumulate in memory. */
export async function write(text: string, to: Writable = process.stdout): Promise<void> {
  if (!to.write(text)) await once(to, 'drain');
}

/** Prints one line on standard error. */
export const notify = (line: string): void => void process.stderr.write(`${singleLine(line)}\n`);

/** Prints the outcome of a command. With `--json` it goes to standard error, because the result is the JSON. */
export const report = (line: string, asJson: boolean | undefined): void =>
  void (asJson ? process.stderr : process.stdout).write(`${singleLine(line)}\n`);

/** A reader such as `head` that closes the pipe early is not an error. */
export function exitOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}

const REFRESH_MILLISECONDS = 200;

/** A line on a terminal that each update replaces. Prints nothing without a terminal. */
export function progressLine(): { show(text: string): void; clear(): void } {
  const out = process.stderr;
  let shownAt = 0;
  return {
    show(text) {
      if (!out.isTTY || Date.now() - shownAt < REFRESH_MILLISECONDS) return;
      shownAt = Date.now();
      out.write(`\r\x1b[K${singleLine(text)} …`);
    },
    clear: () => void (out.isTTY && out.write('\r\x1b[K')),
  };
}

export type Confirmation = {
  /** Lines that name what the command deletes or revokes. */
  effect: string[];
  /** The answer that confirms. */
  expected: string;
};

/**
 * Asks before a command that cannot be undone.
 *
 * @param yes skips the question
 * @throws UsageError without a terminal
 * @throws ConfigurationError when the operator types anything else
 */
export async function confirm({ effect, expected }: Confirmation, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY) {
    throw new UsageError(
      'This cannot be undone and needs a terminal for confirmation; pass --yes to skip it. Nothing changed.',
    );
  }
  for (const line of effect) notify(line);
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new AbortController();
  // Ctrl+C and the end of the input count as an answer.
  reader.once('close', () => closed.abort());
  try {
    const answer = await reader.question(`Type ${expected} to continue: `, { signal: closed.signal }).catch(() => '');
    if (answer.trim() !== expected) throw new ConfigurationError('Nothing changed.');
  } finally {
    reader.close();
  }
}
