const texts = new WeakMap<object, string>();

/**
 * The message as JSON. An answer is looked at as text on its way: whether it can be written, for its size on record, and
 * to be sent. It is written once, so nobody may change a message whose text has been asked for.
 *
 * @throws TypeError for what JSON has no form for
 */
export function jsonText(message: object): string {
  let text = texts.get(message);
  if (text === undefined) {
    text = JSON.stringify(message);
    texts.set(message, text);
  }
  return text;
}
