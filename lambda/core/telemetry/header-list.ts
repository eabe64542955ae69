const form = /^\s*(?<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=(?<value>.*)$/;
const visible = /^[\x20-\x7e]+$/;

/**
 * Reads HTTP headers in the form of the variable `OTEL_EXPORTER_OTLP_HEADERS`, which services print: `name=value`, separated by
 * commas, with the values URL-encoded.
 *
 * @throws Error with the position of an invalid header, and without its value, which is a secret
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables
 */
export function parseHeaderList(text: string): Record<string, string> {
  const entries = text.split(',').map((entry, index) => {
    const { name, value = '' } = form.exec(entry)?.groups ?? {};
    const decoded = decodedValue(value);
    if (name === undefined || decoded === undefined) {
      throw new Error(`Header ${index + 1} of the secret is invalid: write name=value, separated by commas`);
    }
    return [name.toLowerCase(), decoded];
  });
  return Object.fromEntries(entries);
}

function decodedValue(value: string): string | undefined {
  try {
    const text = decodeURIComponent(value).trim();
    return visible.test(text) ? text : undefined;
  } catch {
    // Not URL-encoded.
    return undefined;
  }
}
