import fc from 'fast-check';
import {
  printableJson,
  quote,
  shorten,
  singleLine,
  visibleText,
  withoutFormula,
} from '../../../lambda/core/support/untrusted-text.ts';
import { anyString } from '../../support/any-string.ts';

/** Every code point that may not reach a terminal, a page or a log: control, format, line and paragraph separators. */
const unprintable = Array.from({ length: 0x110000 }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code))
  .filter((character) => /[\p{Cc}\p{Cf}\p{Bidi_Control}\p{Zl}\p{Zp}]/u.test(character));

const text = anyString();
/** Text with unprintable characters at any place. */
const hostileText = fc
  .array(fc.oneof(text, fc.constantFrom(...unprintable)), { maxLength: 10 })
  .map((pieces) => pieces.join(''));

const hasUnprintable = (each: string) => /[\p{Cc}\p{Cf}\p{Bidi_Control}\p{Zl}\p{Zp}]/u.test(each);

test('the characters under test contain every bidirectional control, DEL, C1 and the tag characters', () => {
  const some = ['\u061c', '\u200e', '\u200f', '\u202a', '\u202e', '\u2066', '\u2069', '\x7f', '\x9b', '\u{e0041}'];
  expect(some.filter((character) => !unprintable.includes(character))).toEqual([]);
});

describe('singleLine', () => {
  test('replaces each unprintable character by U+FFFD and keeps the rest', () => {
    for (const character of unprintable) expect(singleLine(`a${character}b`)).toBe('a\u{fffd}b');
    expect(singleLine('a\x1b[2Jb\x07c\x9bd\u202ee\nf')).toBe('a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}f');
  });

  test('replaces a lone surrogate', () => {
    expect(singleLine('a\ud800b')).toBe('a\u{fffd}b');
  });

  test('leaves no unprintable character in any text', () => {
    fc.assert(fc.property(hostileText, (each) => !hasUnprintable(singleLine(each))));
  });

  test('changes no printable text', () => {
    fc.assert(
      fc.property(
        text.filter((each) => !hasUnprintable(each) && each.isWellFormed()),
        (each) => singleLine(each) === each,
      ),
    );
  });
});

describe('visibleText', () => {
  test('removes each unprintable character', () => {
    for (const character of unprintable) expect(visibleText(`a${character}b`)).toBe('ab');
  });

  test.each([
    ['a Hangul filler', 'a\u3164b'],
    ['an empty Braille cell', 'a\u2800b'],
    ['a variation selector', 'a\ufe0fb'],
    ['a private-use character', 'a\ue000b'],
  ])('removes %s, which has no glyph', (_, name) => {
    expect(visibleText(name)).toBe('ab');
  });

  test('composes characters and removes white space around the name', () => {
    expect(visibleText('  e\u0301a ')).toBe('éa');
    expect(visibleText('\u200b \u202e')).toBe('');
  });

  test('leaves no unprintable character in any text', () => {
    fc.assert(fc.property(hostileText, (each) => !hasUnprintable(visibleText(each))));
  });
});

describe('shorten', () => {
  test('keeps text of the greatest length and cuts longer text by characters', () => {
    expect([shorten('abcde', 5), shorten('abcdef', 5), shorten('😀😀😀', 2)]).toEqual(['abcde', 'abcd…', '😀…']);
  });

  test('returns at most the given number of characters and no half of one', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 20 }), (each, most) => {
        const short = shorten(each, most);
        expect(Array.from(short).length).toBeLessThanOrEqual(most);
        if (each.isWellFormed()) expect(short.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe('quote', () => {
  test('writes the text in quotes with escapes for unprintable characters', () => {
    expect(quote('a"\u202eb\n')).toBe('"a\\"\\u202eb\\n"');
    expect(quote('abcdef', 5)).toBe('"abcd…"');
  });
});

describe('printableJson', () => {
  test('escapes each unprintable character and can be parsed again', () => {
    for (const character of unprintable) {
      const json = printableJson({ [character]: character });
      expect(hasUnprintable(json)).toBe(false);
      expect(JSON.parse(json)).toEqual({ [character]: character });
    }
    expect(printableJson({ name: 'a\x9b2J\x7f\x1b' })).toBe('{"name":"a\\u009b2J\\u007f\\u001b"}');
  });

  test('parses to the same value for any text', () => {
    fc.assert(fc.property(hostileText, (each) => JSON.parse(printableJson(each)) === each));
  });
});

describe('withoutFormula', () => {
  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])('marks %j as text', (cell) => {
    expect(withoutFormula(cell)).toBe(`'${cell}`);
  });

  test('changes no other cell', () => {
    expect(['a=1', '1', '', ' =1'].map(withoutFormula)).toEqual(['a=1', '1', '', ' =1']);
  });
});
