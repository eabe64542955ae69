import fc from 'fast-check';
import { isAllowed, matchesPattern, type Request, type Statement } from '../../local/iam/iam-policy.ts';

const table = 'arn:aws:dynamodb:us-east-1:000000000000:table/Sessions';

const request = (changes: Partial<Request> = {}): Request => ({
  action: 'dynamodb:GetItem',
  resource: table,
  context: {},
  ...changes,
});

const allow = (changes: Partial<Statement> = {}): Statement => ({
  Effect: 'Allow',
  Action: 'dynamodb:GetItem',
  Resource: table,
  ...changes,
});

/** Whether a statement with this condition applies to a request with these values of `aws:k`. */
const holds = (operator: string, expected: string | string[], actual: string[] | undefined): boolean =>
  isAllowed(
    [allow({ Condition: { [operator]: { 'aws:k': expected } } })],
    request({ context: actual ? { 'aws:k': actual } : {} }),
  );

describe('action and resource', () => {
  it('allows what a statement names and nothing else', () => {
    expect(isAllowed([allow()], request())).toBe(true);
    expect(isAllowed([allow()], request({ action: 'dynamodb:PutItem' }))).toBe(false);
    expect(isAllowed([allow()], request({ resource: `${table}2` }))).toBe(false);
    expect(isAllowed([], request())).toBe(false);
  });

  it('ignores the case of actions and regards the case of resources', () => {
    expect(isAllowed([allow({ Action: 'DynamoDB:getitem' })], request())).toBe(true);
    expect(isAllowed([allow({ Resource: table.toLowerCase() })], request())).toBe(false);
  });

  it('knows lists and the wildcards * and ?', () => {
    expect(isAllowed([allow({ Action: ['kms:*', 'dynamodb:Get*'], Resource: ['x', '*'] })], request())).toBe(true);
    expect(isAllowed([allow({ Action: 'dynamodb:?etItem', Resource: 'arn:*:table/*' })], request())).toBe(true);
    expect(isAllowed([allow({ Action: 'dynamodb:Get' })], request())).toBe(false);
  });

  it('inverts with NotAction and NotResource', () => {
    expect(isAllowed([allow({ Action: undefined, NotAction: 'kms:*' })], request())).toBe(true);
    expect(isAllowed([allow({ Action: undefined, NotAction: 'dynamodb:*' })], request())).toBe(false);
    expect(isAllowed([allow({ Resource: undefined, NotResource: 'other' })], request())).toBe(true);
    expect(isAllowed([allow({ Resource: undefined, NotResource: table })], request())).toBe(false);
  });

  it('covers nothing with a statement that has no action or no resource', () => {
    expect(isAllowed([allow({ Action: undefined })], request())).toBe(false);
    expect(isAllowed([allow({ Resource: undefined })], request())).toBe(false);
  });
});

describe('conditions', () => {
  it.each([
    // operator, policy, request, holds
    ['StringEquals', 'a', ['a'], true],
    ['StringEquals', ['a', 'b'], ['b'], true],
    ['StringEquals', 'a', ['A'], false],
    ['StringEquals', 'a*', ['ab'], false],
    ['StringEquals', 'a', undefined, false],
    ['StringEqualsIfExists', 'a', undefined, true],
    ['StringEqualsIfExists', 'a', ['b'], false],
    ['StringEqualsIgnoreCase', 'Bearer', ['bEARER'], true],
    ['StringNotEquals', 'a', ['b'], true],
    ['StringNotEquals', ['a', 'b'], ['b'], false],
    ['StringNotEquals', 'a', undefined, true],
    ['StringLike', 'G#*', ['G#1'], true],
    ['StringLike', 'G#?', ['G#12'], false],
    ['Bool', 'true', ['true'], true],
    ['Bool', 'true', ['false'], false],
    ['Bool', 'true', undefined, false],
    ['Null', 'true', undefined, true],
    ['Null', 'true', [], true],
    ['Null', 'true', ['a'], false],
    ['Null', 'false', ['a'], true],
    ['Null', 'false', undefined, false],
    ['ArnLike', 'arn:aws:s3:::*', ['arn:aws:s3:::bucket/key:1'], true],
    ['ArnLike', 'arn:aws:*:role/x', ['arn:aws:iam::000000000000:role/x'], false],
    ['ArnEquals', 'arn:aws:iam::*:role/?', ['arn:aws:iam::000000000000:role/x'], true],
    ['ForAllValues:StringLike', ['G#*', 'S#*'], ['G#1', 'S#1'], true],
    ['ForAllValues:StringLike', 'G#*', ['G#1', 'CO#1'], false],
    ['ForAllValues:StringLike', 'G#*', undefined, true],
    ['ForAllValues:StringNotEquals', 'a', ['b', 'c'], true],
    ['ForAllValues:StringNotEquals', 'a', ['b', 'a'], false],
    ['ForAnyValue:StringEquals', 'a', ['b', 'a'], true],
    ['ForAnyValue:StringEquals', 'a', ['b', 'c'], false],
    ['ForAnyValue:StringEquals', 'a', undefined, false],
    ['ForAnyValue:StringNotEquals', 'a', undefined, false],
    ['ForAnyValue:StringEqualsIfExists', 'a', undefined, true],
  ] as [string, string | string[], string[] | undefined, boolean][])(
    '%s %j against %j: %s',
    (operator, expected, actual, result) => {
      expect(holds(operator, expected, actual)).toBe(result);
    },
  );

  it('asks for every operator and every key', () => {
    const Condition = { StringEquals: { 'aws:k': 'a', 'aws:l': 'b' }, Bool: { 'aws:m': true } };
    const context = { 'aws:k': ['a'], 'aws:l': ['b'], 'aws:m': ['true'] };
    expect(isAllowed([allow({ Condition })], request({ context }))).toBe(true);
    for (const key of Object.keys(context)) {
      expect(isAllowed([allow({ Condition })], request({ context: { ...context, [key]: ['other'] } }))).toBe(false);
    }
  });

  it('finds a condition key in any case', () => {
    const Condition = { StringEquals: { 'KMS:encryptioncontext:Purpose': 'upstream' } };
    const context = { 'kms:EncryptionContext:purpose': ['upstream'] };
    expect(isAllowed([allow({ Condition })], request({ context }))).toBe(true);
  });

  it.each(['NumericEquals', 'ForAllValues:Null', 'NullIfExists', 'constructor', 'ForSomeValues:StringLike', ''])(
    'refuses the operator it does not know, %s, in statements that do not apply too',
    (operator) => {
      const statements = [allow(), allow({ Action: 'kms:Sign', Condition: { [operator]: { k: '1' } } })];
      expect(() => isAllowed(statements, request())).toThrow(`operator ${operator} is not supported`);
    },
  );

  it('refuses policy variables', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
    expect(() => isAllowed([allow({ Resource: 'a/${aws:username}' })], request())).toThrow('policy variables');
  });
});

describe('what holds for all policies', () => {
  const word = fc.constantFrom('a', 'b', 'a*', '?', '*', 'ab');
  const statements = fc.array(
    fc.record({
      Effect: fc.constantFrom('Allow' as const, 'Deny' as const),
      Action: fc.array(word, { maxLength: 2 }),
      Resource: fc.array(word, { maxLength: 2 }),
      Condition: fc.option(
        fc.dictionary(
          fc.constantFrom(
            'StringLike',
            'StringNotEquals',
            'ForAllValues:StringEquals',
            'ForAnyValue:StringLikeIfExists',
          ),
          fc.dictionary(fc.constantFrom('k', 'l'), fc.array(word, { minLength: 1, maxLength: 2 }), { minKeys: 1 }),
        ),
        { nil: undefined },
      ),
    }),
    { maxLength: 5 },
  );
  const requests = fc.record({
    action: fc.constantFrom('a', 'b', 'ab'),
    resource: fc.constantFrom('a', 'b', 'ab'),
    context: fc.dictionary(fc.constantFrom('k', 'l'), fc.array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 3 })),
  });

  it('denies when a statement denies everything', () => {
    fc.assert(
      fc.property(statements, requests, fc.nat(), (list, asked, position) => {
        const denied = list.toSpliced(position % (list.length + 1), 0, {
          ...allow({ Action: '*', Resource: '*' }),
          Effect: 'Deny',
        } as never);
        expect(isAllowed(denied, asked)).toBe(false);
      }),
    );
  });

  it('takes no permission away with a further Allow, and gives none with a further Deny', () => {
    fc.assert(
      fc.property(statements, statements, requests, (list, more, asked) => {
        const allows = more.map((each) => ({ ...each, Effect: 'Allow' as const }));
        const denies = more.map((each) => ({ ...each, Effect: 'Deny' as const }));
        if (isAllowed(list, asked)) expect(isAllowed([...list, ...allows], asked)).toBe(true);
        else expect(isAllowed([...list, ...denies], asked)).toBe(false);
      }),
    );
  });

  it('does not depend on the order of statements', () => {
    fc.assert(
      fc.property(statements, requests, (list, asked) => {
        expect(isAllowed(list.toReversed(), asked)).toBe(isAllowed(list, asked));
      }),
    );
  });

  it('matches wildcards as a regular expression would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\\', '#'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\\', '#', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(text, pattern, (actual, wanted) => {
        const source = wanted
          .replace(/[.\\#]/g, '\\$&')
          .replaceAll('*', '.*')
          .replaceAll('?', '.');
        expect(matchesPattern(actual, wanted)).toBe(new RegExp(`^${source}$`, 's').test(actual));
      }),
      { numRuns: 2000 },
    );
  });

  it('matches a hostile pattern in no time', () => {
    expect(matchesPattern('a'.repeat(5000), `${'*a'.repeat(500)}b`)).toBe(false);
  });
});
