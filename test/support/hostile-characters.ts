/**
 * Every code point that may not reach a terminal, a page, a log or a file as it is: control and format characters, the
 * bidirectional ones among them, and the separators of lines and paragraphs.
 */
export const hostileCharacters = Array.from({ length: 0x110000 }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code))
  .filter((character) => /[\p{Cc}\p{Cf}\p{Bidi_Control}\p{Zl}\p{Zp}]/u.test(character));

export const hasHostileCharacter = (text: string): boolean => /[\p{Cc}\p{Cf}\p{Bidi_Control}\p{Zl}\p{Zp}]/u.test(text);

/** A letter under 79 combining marks, which covers the lines around it. */
export const markedLetter = `a${'\u0301'.repeat(79)}`;

/** More marks on one character than a language needs (UTS #39 §5.4). */
export const hasStackedMarks = (text: string): boolean => /[\p{Mn}\p{Me}]{5}/u.test(text);
