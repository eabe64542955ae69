import fc from 'fast-check';
import {
  descriptionText,
  printableJson,
  printableLines,
  quote,
  quotedName,
  shorten,
  singleLine,
  visibleText,
  withoutFormula,
} from '../../../lambda/core/support/untrusted-text.ts';
import { anyString } from '../../support/any-string.ts';
import {
  hasHostileCharacter,
  hasStackedMarks,
  hostileCharacters,
  markedLetter,
} from '../../support/hostile-characters.ts';

const text = anyString();
/** Text with unprintable characters at any place. */
const hostileText = fc
  .array(fc.oneof(text, fc.constantFrom(...hostileCharacters)), { maxLength: 10 })
  .map((pieces) => pieces.join(''));

test('the characters under test contain every bidirectional control, DEL, C1 and the tag characters', () => {
  const some = ['\u061c', '\u200e', '\u200f', '\u202a', '\u202e', '\u2066', '\u2069', '\x7f', '\x9b', '\u{e0041}'];
  expect(some.filter((character) => !hostileCharacters.includes(character))).toEqual([]);
});

describe('singleLine', () => {
  test('replaces each unprintable character by U+FFFD and keeps the rest', () => {
    for (const character of hostileCharacters) expect(singleLine(`a${character}b`)).toBe('a\u{fffd}b');
    expect(singleLine('a\x1b[2Jb\x07c\x9bd\u202ee\nf')).toBe('a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}f');
  });

  test('replaces a lone surrogate', () => {
    expect(singleLine('a\ud800b')).toBe('a\u{fffd}b');
  });

  test('leaves no unprintable character in any text', () => {
    fc.assert(fc.property(hostileText, (each) => !hasHostileCharacter(singleLine(each))));
  });

  test('replaces the marks of a character beyond four', () => {
    expect(singleLine(`${markedLetter}b`)).toBe(`a${'\u0301'.repeat(4)}${'\ufffd'.repeat(75)}b`);
  });

  test('changes no printable text', () => {
    fc.assert(
      fc.property(
        text.filter((each) => !hasHostileCharacter(each) && !hasStackedMarks(each) && each.isWellFormed()),
        (each) => singleLine(each) === each,
      ),
    );
  });
});

describe('visibleText', () => {
  test('removes each unprintable character', () => {
    for (const character of hostileCharacters) expect(visibleText(`a${character}b`)).toBe('ab');
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
    fc.assert(fc.property(hostileText, (each) => !hasHostileCharacter(visibleText(each))));
  });
});

describe('visibleText of a name with marks', () => {
  test('keeps four marks of a character', () => {
    expect(visibleText(`${markedLetter} b`)).toBe(`\u00e1${'\u0301'.repeat(4)} b`);
    expect(visibleText('ก็็็็็็็็')).toBe('ก็็็็');
  });

  test('removes marks without a character', () => {
    expect(visibleText('\u0301\u20dd\u0301Claude')).toBe('Claude');
    expect(visibleText('\u200b\u0301Claude')).toBe('Claude');
  });

  test('reduces white space to single spaces', () => {
    expect(visibleText('a\u00a0\u3000  \u2003b')).toBe('a b');
  });

  test('does not change a visible name', () => {
    fc.assert(fc.property(hostileText, (each) => visibleText(visibleText(each)) === visibleText(each)));
  });
});

describe('quotedName', () => {
  test('has the name in quotation marks, with at most 40 characters', () => {
    expect(quotedName('Claude Code')).toBe('“Claude Code”');
    expect(quotedName('x'.repeat(41))).toBe(`“${'x'.repeat(39)}…”`);
    expect(quotedName(`${'a\u0301\u0302\u0303\u0304\u0305'.repeat(40)}`).length).toBeLessThanOrEqual(42);
  });

  test.each(['"', '“', '”', '„', '‟', '«', '»', '＂', '″', '〃', '״', '「', '」', '〝'])(
    'has %s in a name as an apostrophe, because it would end the quotation',
    (mark) => {
      expect(quotedName(`Ada’s${mark} app`)).toBe("“Ada’s' app”");
    },
  );

  test('has no unprintable character of any name', () => {
    fc.assert(fc.property(hostileText, (each) => !hasHostileCharacter(quotedName(each))));
  });
});

describe('printableLines', () => {
  test('keeps line ends alone', () => {
    expect(printableLines('a\u202e\nb\x1b\r\n')).toBe('a\ufffd\nb\ufffd\ufffd\n');
  });
});

describe('descriptionText', () => {
  test('has the characters that error_description permits alone', () => {
    fc.assert(fc.property(hostileText, (each) => /^[ !#-[\]-~]*$/.test(descriptionText(each))));
    expect(descriptionText('a "b\\" é')).toBe("a 'b?' ?");
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
    for (const character of hostileCharacters) {
      const json = printableJson({ [character]: character });
      expect(hasHostileCharacter(json)).toBe(false);
      expect(JSON.parse(json)).toEqual({ [character]: character });
    }
    expect(printableJson({ name: 'a\x9b2J\x7f\x1b' })).toBe('{"name":"a\\u009b2J\\u007f\\u001b"}');
  });

  test('parses to the same value for any text', () => {
    fc.assert(fc.property(hostileText, (each) => JSON.parse(printableJson(each)) === each));
  });
});

describe('withoutFormula', () => {
  test.each([
    ...['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '\na', ' =1', '\u00a0=1', '\u3000+1', ' \t @A1'],
    ...['＝1', '＋1', '－1', '＠A1', '﹦1', '﹢1', '﹣1', '﹫A1', '−1', '⁼1', ' ＝1'],
    ...['\u200b=1', '\ufeff=1', '\u202e=1', '\x00=1', '\x1b=1', '\u3164=1', '\u2800=1', '\ufe0f=1', '\u2028=1'],
  ])('marks %j as text', (cell) => {
    expect(withoutFormula(cell)).toBe(`'${cell}`);
  });

  test('changes no other cell', () => {
    const cells = ['a=1', '1', '', ' 1', 'a＝1', "'=1", 'tools/call'];
    expect(cells.map(withoutFormula)).toEqual(cells);
  });
});
