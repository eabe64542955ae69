/**
 * DynamoDB's numbers: up to 38 significant digits, magnitudes from 1E-130 to 9.99…E+125, exact in addition and
 * subtraction. They travel as text; in this module a number is `coefficient × 10^exponent`.
 */

const maxDigits = 38;
const maxMagnitude = 125;
const minMagnitude = -130;

/** Without trailing zeros in the coefficient; zero has the exponent 0. */
type Decimal = { coefficient: bigint; exponent: number };

/** Sign, integer digits, fraction digits, exponent, as Java's BigDecimal reads them. */
const notation = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** Most numbers are small integers, which are canonical already. */
const smallInteger = /^(?:0|-?[1-9]\d{0,14})$/;

/** A number that cannot be stored; `message` is DynamoDB's. */
export class NumberError extends Error {}

/** The one notation in which a number is stored: decimal, without exponent. @throws NumberError */
export function canonicalNumber(text: string): string {
  return smallInteger.test(text) ? text : formatted(checked(parsed(text)));
}

/** @throws NumberError when the sum has too many digits or is too large */
export function addNumbers(a: string, b: string): string {
  return formatted(checked(sum(parsed(a), parsed(b))));
}

/** @throws NumberError when the difference has too many digits or is too large */
export function subtractNumbers(a: string, b: string): string {
  return formatted(checked(sum(parsed(a), negated(parsed(b)))));
}

/** Order of two canonical numbers: below 0, 0 or above 0. */
export function compareNumbers(a: string, b: string): number {
  if (a === b) return 0;
  // Up to 15 digits a double is exact enough to tell two numbers apart.
  if (a.length <= 15 && b.length <= 15) return Number(a) - Number(b);
  const { coefficient: difference } = sum(parsed(a), negated(parsed(b)));
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** Significant digits and the power of ten of the first of them. Zero has no digits. */
export function digitsOf(number: string): { isNegative: boolean; digits: string; magnitude: number } {
  const { coefficient, exponent } = parsed(number);
  if (coefficient === 0n) return { isNegative: false, digits: '', magnitude: 0 };
  const digits = absolute(coefficient).toString();
  return { isNegative: coefficient < 0n, digits, magnitude: exponent + digits.length - 1 };
}

function parsed(text: string): Decimal {
  const match = notation.exec(text);
  const [, sign, integer = '', fraction = '', exponent = '0'] = match ?? [];
  if (!match || (integer === '' && fraction === '')) {
    throw new NumberError(
      `The parameter cannot be converted to a numeric value${text === '' ? '' : `: ${text.slice(0, 100)}`}`,
    );
  }
  const digits = `${integer}${fraction}`.replace(/^0+/, '').replace(/0+$/, '');
  if (digits === '') return { coefficient: 0n, exponent: 0 };
  const trailingZeros = /0*$/.exec(`${integer}${fraction}`)![0].length;
  const shifted = Number(exponent) - fraction.length + trailingZeros;
  checkRange(digits.length, shifted);
  return { coefficient: BigInt(`${sign === '-' ? '-' : ''}${digits}`), exponent: shifted };
}

function checked(decimal: Decimal): Decimal {
  if (decimal.coefficient !== 0n) checkRange(absolute(decimal.coefficient).toString().length, decimal.exponent);
  return decimal;
}

function checkRange(digits: number, exponent: number): void {
  const magnitude = exponent + digits - 1;
  if (magnitude > maxMagnitude) {
    throw new NumberError('Number overflow. Attempting to store a number with magnitude larger than supported range');
  }
  if (magnitude < minMagnitude) {
    throw new NumberError('Number underflow. Attempting to store a number with magnitude smaller than supported range');
  }
  if (digits > maxDigits) throw new NumberError('Attempting to store more than 38 significant digits in a Number');
}

function sum(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent);
  const scaled = ({ coefficient, exponent: own }: Decimal) => coefficient * 10n ** BigInt(own - exponent);
  return withoutTrailingZeros(scaled(a) + scaled(b), exponent);
}

function withoutTrailingZeros(coefficient: bigint, exponent: number): Decimal {
  if (coefficient === 0n) return { coefficient, exponent: 0 };
  const zeros = /0*$/.exec(coefficient.toString())![0].length;
  return { coefficient: coefficient / 10n ** BigInt(zeros), exponent: exponent + zeros };
}

function formatted({ coefficient, exponent }: Decimal): string {
  const sign = coefficient < 0n ? '-' : '';
  const digits = absolute(coefficient).toString();
  if (exponent >= 0) return `${sign}${digits}${'0'.repeat(exponent)}`;
  const padded = digits.padStart(1 - exponent, '0');
  return `${sign}${padded.slice(0, exponent)}.${padded.slice(exponent)}`;
}

const negated = ({ coefficient, exponent }: Decimal): Decimal => ({ coefficient: -coefficient, exponent });
const absolute = (value: bigint) => (value < 0n ? -value : value);
