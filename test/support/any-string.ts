import fc from 'fast-check';

const SURROGATES = { first: 0xd800, count: 0x800 };

/**
 * Any Unicode character, as the unit `binary` of fast-check has them with equal frequency. That unit takes two seconds to
 * build a map of all characters.
 */
const character = fc.nat(0x10ffff - SURROGATES.count).map(
  (index) => String.fromCodePoint(index < SURROGATES.first ? index : index + SURROGATES.count),
  (value) => {
    if (typeof value !== 'string' || !/^.$/su.test(value)) throw new Error('not one character');
    const code = value.codePointAt(0)!;
    return code < SURROGATES.first ? code : code - SURROGATES.count;
  },
);

/** A string of any Unicode characters. */
export const anyString = (lengths: fc.StringConstraints = {}): fc.Arbitrary<string> =>
  fc.string({ ...lengths, unit: character });
