import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Writable } from 'node:stream';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { UsageError } from '../usage-error.ts';

/** What is asked for goes to stdout; whatever else there is to say goes to stderr, so that programs can read the one. */

/** Resolves when there is room for more: what is read from a table need not wait in memory. */
export async function write(text: string, to: Writable = process.stdout): Promise<void> {
  if (!to.write(text)) await once(to, 'drain');
}

export const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** What has been done, to a person; a program hears it as JSON, and this on the side. */
export const report = (line: string, asJson: boolean | undefined): void =>
  void (asJson ? process.stderr : process.stdout).write(`${line}\n`);

/** A reader that has seen enough, such as head, closes its end. That is no failure. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}

/** A line that the next one replaces, where there is a terminal to do so. */
export function progressLine(): { show(text: string): void; clear(): void } {
  const out = process.stderr;
  let shownAt = 0;
  return {
    show(text) {
      if (!out.isTTY || Date.now() - shownAt < 200) return;
      shownAt = Date.now();
      out.write(`\r\x1b[K${text} …`);
    },
    clear: () => void (out.isTTY && out.write('\r\x1b[K')),
  };
}

export type Consent = {
  /** Lines that say what will end. */ about: string[] /** What has to be typed. */;
  answer: string;
};

/**
 * Asks before something is done that cannot be undone.
 *
 * @throws Misuse when nobody is there to be asked
 * @throws Mistake when the answer is another
 */
export async function askFor({ about, answer }: Consent, yes: boolean | undefined): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY) {
    throw new UsageError(
      'This cannot be undone, and there is no terminal to ask at: --yes does it without asking. Nothing has changed.',
    );
  }
  for (const line of about) say(line);
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new AbortController();
  // Ctrl+C and the end of the input are answers as well.
  reader.once('close', () => ended.abort());
  try {
    const given = await reader.question(`Type ${answer} to go on: `, { signal: ended.signal }).catch(() => '');
    if (given.trim() !== answer) throw new ConfigurationError('Nothing has changed.');
  } finally {
    reader.close();
  }
}
