/** Deepest nesting of JSON that others send. Validators and serializers recurse, and exhaust the stack beyond some thousand. */
export const DEEPEST_JSON = 64;

/** JSON is nested deeper than its reader allows. */
export class JsonDepthError extends SyntaxError {
  constructor(deepest: number) {
    super(`JSON is nested deeper than ${deepest} levels`);
  }
}

/**
 * Parses JSON that a client or another server sent: a body, a document or a part of a token.
 *
 * @throws SyntaxError for text that is not JSON, or is nested deeper than `DEEPEST_JSON`
 */
export function parseJson(text: string): unknown {
  if (isDeeperThan(DEEPEST_JSON, text)) throw new JsonDepthError(DEEPEST_JSON);
  return JSON.parse(text);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const [OPENING_BRACKET, CLOSING_BRACKET] = [0x5b, 0x5d];
const [OPENING_BRACE, CLOSING_BRACE] = [0x7b, 0x7d];

/** Whether objects and arrays are nested deeper, in text that may be JSON. */
export function isDeeperThan(deepest: number, text: string): boolean {
  return hasMoreBrackets(deepest, text) && isNestedDeeper(deepest, text);
}

/** Most messages have too few brackets to be nested that deep: these are found without a loop over all characters. */
function hasMoreBrackets(most: number, text: string): boolean {
  let count = 0;
  for (const bracket of '[{') {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) if (++count > most) return true;
  }
  return false;
}

function isNestedDeeper(deepest: number, text: string): boolean {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) index = endOfString(text, index);
    else if (code === CLOSING_BRACKET || code === CLOSING_BRACE) depth -= 1;
    else if ((code === OPENING_BRACKET || code === OPENING_BRACE) && ++depth > deepest) return true;
  }
  return false;
}

function endOfString(text: string, start: number): number {
  let index = start + 1;
  while (index < text.length && text.charCodeAt(index) !== QUOTE) index += text.charCodeAt(index) === BACKSLASH ? 2 : 1;
  return index;
}
