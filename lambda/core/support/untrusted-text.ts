/**
 * Text that clients, users and other servers chose: names, URIs, members of documents, headers. It may contain terminal
 * controls, bidirectional controls (CVE-2021-42574), invisible characters that imitate another name, or a formula. Pages,
 * logs, error messages, terminals and CSV files contain such text only through this module.
 */

/** Control characters, format characters (the bidirectional ones are some of them), and ends of lines. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Also characters without a glyph, by which a name could differ invisibly. U+2800 is the empty Braille cell. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Start of a cell that a spreadsheet reads as a formula (OWASP, CSV injection). */
const FORMULA = /^[=+\-@\t\r]/;

/** One line for a terminal or a message, in which U+FFFD stands for each unprintable character. */
export const singleLine = (text: string): string => text.toWellFormed().replace(UNPRINTABLE, '\u{fffd}');

/** A name without invisible characters, composed and trimmed; may be empty. */
export const visibleText = (text: string): string => text.normalize('NFC').replace(INVISIBLE, '').trim();

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
export const withoutFormula = (cell: string): string => (FORMULA.test(cell) ? `'${cell}` : cell);

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, index) => {
    const unit = character.charCodeAt(index).toString(16).padStart(4, '0');
    return `\\u${unit}`;
  }).join('');
