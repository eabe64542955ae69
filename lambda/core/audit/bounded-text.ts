import { bytes } from '../support/crypto.ts';

/** Characters of one byte each. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is ASCII
const ascii = /^[\x00-\x7f]*$/;

/** The text cut to at most so many bytes of UTF-8, without half characters; undefined for another value. */
export function boundedText(text: unknown, mostBytes: number): string | undefined {
  if (typeof text !== 'string') return undefined;
  if (text.length <= mostBytes && ascii.test(text)) return text;
  return new TextDecoder().decode(bytes(text.slice(0, mostBytes)).subarray(0, mostBytes), { stream: true });
}
