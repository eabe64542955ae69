/** One line of text: what clients say of themselves may hold what a terminal would obey, or what turns the line around. */
export const plain = (text: string): string => text.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, '\u{fffd}');

/** The same, cut to so many characters. */
export function brief(text: string, most: number): string {
  const characters = [...plain(text)];
  return characters.length <= most ? characters.join('') : `${characters.slice(0, most - 1).join('')}…`;
}

/** JSON leaves the second half of the control characters as they are. */
export const json = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
