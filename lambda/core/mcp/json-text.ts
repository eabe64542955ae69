const texts = new WeakMap<object, string>();

/**
 * The message as JSON. A response is serialized once although it is checked, measured for the audit log and sent, so a
 * message must not change after the first call.
 *
 * @throws TypeError for a value that JSON cannot express
 */
export function jsonText(message: object): string {
  let text = texts.get(message);
  if (text === undefined) {
    text = JSON.stringify(message);
    texts.set(message, text);
  }
  return text;
}
