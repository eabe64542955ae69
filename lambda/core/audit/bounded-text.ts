import { bytes } from '../support/crypto.ts';
import { singleLine } from '../support/untrusted-text.ts';

/** Printable characters of one byte each. */
const ascii = /^[ -~]*$/;

/** One line of text, cut to at most so many bytes of UTF-8, without half characters; undefined for another value. */
export function boundedText(text: unknown, mostBytes: number): string | undefined {
  if (typeof text !== 'string') return undefined;
  if (text.length <= mostBytes && ascii.test(text)) return text;
  return new TextDecoder().decode(bytes(singleLine(text.slice(0, mostBytes))).subarray(0, mostBytes), { stream: true });
}
