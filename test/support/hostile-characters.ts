/**
 * Every code point that may not reach a terminal, a page, a log or a file as it is: control and format characters, the
 * bidirectional ones among them, and the separators of lines and paragraphs.
 */
export const hostileCharacters = Array.from({ length: 0x1100 }, (_, block) =>
  // A test of each character alone takes three times as long. A surrogate is in none of the categories.
  String.fromCodePoint(...Array.from({ length: 0x100 }, (_, index) => block * 0x100 + index)),
).flatMap((block) => block.match(/[\p{Cc}\p{Cf}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu) ?? []);

export const hasHostileCharacter = (text: string): boolean => /[\p{Cc}\p{Cf}\p{Bidi_Control}\p{Zl}\p{Zp}]/u.test(text);

/** A letter under 79 combining marks, which covers the lines around it. */
export const markedLetter = `a${'\u0301'.repeat(79)}`;

/** More marks on one character than a language needs (UTS #39 §5.4). */
export const hasStackedMarks = (text: string): boolean => /[\p{Mn}\p{Me}]{5}/u.test(text);
