import { type Duration, Fn, Token, Tokenization } from 'aws-cdk-lib/core';

/** Text in environment variables from values that may be tokens, which CloudFormation resolves. */

type DurationUnit = 'Seconds' | 'Minutes' | 'Hours' | 'Days';

/**
 * A duration as a number of units.
 * @throws UnscopedValidationError for a token in another unit, which CloudFormation cannot convert
 */
export const durationText = (duration: Duration, unit: DurationUnit): string =>
  Tokenization.stringifyNumber(duration[`to${unit}`]({ integral: false }));

/**
 * A query string. The value of a token is not percent-encoded, because it is unknown at synth: it must not contain `&`,
 * `+` or `%`.
 */
export const queryText = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => {
      const encoded = new URLSearchParams([[name, Token.isUnresolved(value) ? '' : value]]).toString();
      return Token.isUnresolved(value) ? encoded + value : encoded;
    })
    .join('&');

/** The host of a URL. */
export const hostText = (url: string): string =>
  Token.isUnresolved(url) ? Fn.select(2, Fn.split('/', url)) : new URL(url).host;
