const texts = new WeakMap<object, string>();

/** Keeps the text of a message that need not be serialized. It must be the message as `JSON.stringify` writes it. */
export function keepText<M extends object>(message: M, text: string): M {
  texts.set(message, text);
  return message;
}

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
