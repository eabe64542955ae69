/**
 * Text that clients, users and other servers chose: names, URIs, members of documents, headers. It may contain terminal
 * controls, bidirectional controls (CVE-2021-42574), invisible characters that imitate another name, or a formula. Pages,
 * logs, error messages, terminals and CSV files contain such text only through this module.
 */

/**
 * Control characters, format characters (the bidirectional ones are some of them), ends of lines, and the marks of a
 * character beyond four (UTS #39 §5.4), which cover the lines around it.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|(?<=[\p{Mn}\p{Me}]{4})[\p{Mn}\p{Me}]/gu;

/** Also characters without a glyph, by which a name could differ invisibly. U+2800 is the empty Braille cell. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Marks without a character, and the marks of a character beyond four. */
const SUPERFLUOUS_MARKS = /^\p{M}+|(?<=[\p{Mn}\p{Me}]{4})[\p{Mn}\p{Me}]/gu;

/** Double quotation marks and the characters that look like them: one of them would end the quotation of a name. */
const QUOTATION_MARKS = /(?!['‘’])\p{Quotation_Mark}|[ʺ˝ˮ˵˶״″‴‶‷〃]/gu;

/**
 * Start of a cell that a spreadsheet reads as a formula, behind blanks and invisible characters too (OWASP, CSV injection).
 * The cell is in NFKC, in which a full-width character is the usual one.
 */
const FORMULA = /^(?:[\s\p{C}\p{Default_Ignorable_Code_Point}\u2800]*[=+\-\u2212@]|[\t\r\n])/u;

/** Of a name in a sentence. */
const LONGEST_QUOTED_NAME = 40;

/** One line for a terminal or a message, in which U+FFFD stands for each unprintable character. */
export const singleLine = (text: string): string => text.toWellFormed().replace(UNPRINTABLE, '\u{fffd}');

/** Several lines, each as `singleLine` has it. */
export const printableLines = (text: string): string => text.split('\n').map(singleLine).join('\n');

/** A name without invisible characters, composed, with single spaces and at most four marks a character; may be empty. */
export const visibleText = (text: string): string =>
  text.replace(INVISIBLE, '').replace(/\s+/g, ' ').trim().normalize('NFC').replace(SUPERFLUOUS_MARKS, '').trim();

/**
 * A name within a sentence of ours: visible, shortened, and in quotation marks that it cannot close, so that no part of it
 * reads as part of the sentence.
 */
export const quotedName = (name: string): string =>
  `“${shorten(visibleText(name).replace(QUOTATION_MARKS, "'"), LONGEST_QUOTED_NAME)}”`;

/** At most so many characters, the last of which is then an ellipsis. No character is cut in half. */
export function shorten(text: string, mostCharacters: number): string {
  if (text.length <= mostCharacters) return text;
  const characters = Array.from(text);
  return characters.length <= mostCharacters ? text : `${characters.slice(0, mostCharacters - 1).join('')}…`;
}

/** In quotes, shortened, with escapes for what cannot be printed: for error messages and the log. */
export const quote = (text: string, mostCharacters = 80): string => printableJson(shorten(text, mostCharacters));

/** JSON in which escapes stand for unprintable characters: `JSON.stringify` escapes only the first 32. */
export const printableJson = (value: unknown): string => JSON.stringify(value).replace(UNPRINTABLE, escaped);

/** A cell of a CSV file that no spreadsheet computes. */
export const withoutFormula = (cell: string): string => (FORMULA.test(cell.normalize('NFKC')) ? `'${cell}` : cell);

/** Characters that RFC 6749 §5.2 does not permit in `error_description`: quotation marks, backslashes, non-ASCII. */
const UNPERMITTED = /[^ !#-[\]-~]/g;

/** Text that `error_description` permits. */
export const descriptionText = (text: string): string => text.replaceAll('"', "'").replaceAll(UNPERMITTED, '?');

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, index) => {
    const unit = character.charCodeAt(index).toString(16).padStart(4, '0');
    return `\\u${unit}`;
  }).join('');
