/**
 * Text that clients, users and other servers chose: names, URIs, members of documents, headers. It may contain terminal
 * controls, bidirectional controls (CVE-2021-42574), invisible characters that imitate another name, or a formula. Pages,
 * logs, error messages, terminals and CSV files contain such text only through this module.
 */

/**
 * Printable ASCII, which most text is. V8 takes half a millisecond to parse an expression with Unicode properties, and as long
 * to compile it, in each process: the expressions below are made when another text needs them.
 */
const isPlain = (text: string): boolean => /^[ -~]*$/.test(text);

/**
 * Control characters, format characters (the bidirectional ones are some of them), ends of lines, and the marks of a
 * character beyond four (UTS #39 §5.4), which cover the lines around it.
 */
const unprintable = () => /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|(?<=[\p{Mn}\p{Me}]{4})[\p{Mn}\p{Me}]/gu;

/** Also characters without a glyph, by which a name could differ invisibly. U+2800 is the empty Braille cell. */
const invisible = () => /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Marks without a character, and the marks of a character beyond four. */
const superfluousMarks = () => /^\p{M}+|(?<=[\p{Mn}\p{Me}]{4})[\p{Mn}\p{Me}]/gu;

/** Double quotation marks and the characters that look like them: one of them would end the quotation of a name. */
const quotationMarks = () => /(?!['‘’])\p{Quotation_Mark}|[ʺ˝ˮ˵˶״″‴‶‷〃]/gu;

/**
 * Start of a cell that a spreadsheet reads as a formula, behind blanks and invisible characters too (OWASP, CSV injection).
 * The cell is in NFKC, in which a full-width character is the usual one.
 */
const formula = () => /^(?:[\s\p{C}\p{Default_Ignorable_Code_Point}\u2800]*[=+\-\u2212@]|[\t\r\n])/u;

/** Of a name in a sentence. */
const LONGEST_QUOTED_NAME = 40;

/** One line for a terminal or a message, in which U+FFFD stands for each unprintable character. */
export const singleLine = (text: string): string =>
  isPlain(text) ? text : text.toWellFormed().replace(unprintable(), '\u{fffd}');

/** Several lines, each as `singleLine` has it. */
export const printableLines = (text: string): string => text.split('\n').map(singleLine).join('\n');

/** A name without invisible characters, composed, with single spaces and at most four marks a character; may be empty. */
export function visibleText(text: string): string {
  const visible = isPlain(text) ? text : text.replace(invisible(), '');
  const composed = visible.replace(/\s+/g, ' ').trim().normalize('NFC');
  return isPlain(composed) ? composed : composed.replace(superfluousMarks(), '').trim();
}

/**
 * A name within a sentence of ours: visible, shortened, and in quotation marks that it cannot close, so that no part of it
 * reads as part of the sentence.
 */
export const quotedName = (name: string): string =>
  `“${shorten(visibleText(name).replace(quotationMarks(), "'"), LONGEST_QUOTED_NAME)}”`;

/** At most so many characters, the last of which is then an ellipsis. No character is cut in half. */
export function shorten(text: string, mostCharacters: number): string {
  if (text.length <= mostCharacters) return text;
  const characters = Array.from(text);
  return characters.length <= mostCharacters ? text : `${characters.slice(0, mostCharacters - 1).join('')}…`;
}

/** In quotes, shortened, with escapes for what cannot be printed: for error messages and the log. */
export const quote = (text: string, mostCharacters = 80): string => printableJson(shorten(text, mostCharacters));

/** JSON in which escapes stand for unprintable characters: `JSON.stringify` escapes only the first 32. */
export function printableJson(value: unknown): string {
  const json = JSON.stringify(value);
  return isPlain(json) ? json : json.replace(unprintable(), escaped);
}

/** A cell of a CSV file that no spreadsheet computes. */
export const withoutFormula = (cell: string): string => (formula().test(cell.normalize('NFKC')) ? `'${cell}` : cell);

/** Characters that RFC 6749 §5.2 does not permit in `error_description`: quotation marks, backslashes, non-ASCII. */
const UNPERMITTED = /[^ !#-[\]-~]/g;

/** Text that `error_description` permits. */
export const descriptionText = (text: string): string => text.replaceAll('"', "'").replaceAll(UNPERMITTED, '?');

const escaped = (character: string): string =>
  Array.from({ length: character.length }, (_, index) => {
    const unit = character.charCodeAt(index).toString(16).padStart(4, '0');
    return `\\u${unit}`;
  }).join('');
