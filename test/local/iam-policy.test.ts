import fc from 'fast-check';
import { type AccessRequest, isAllowed, matchesPattern, type Statement } from '../../local/iam/iam-policy.ts';

const table = 'arn:aws:dynamodb:us-east-1:000000000000:table/Sessions';

const request = (changes: Partial<AccessRequest> = {}): AccessRequest => ({
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

describe('the evaluation of action and resource', () => {
  it('allows only the action and the resource of a statement', () => {
    expect(isAllowed([allow()], request())).toBe(true);
    expect(isAllowed([allow()], request({ action: 'dynamodb:PutItem' }))).toBe(false);
    expect(isAllowed([allow()], request({ resource: `${table}2` }))).toBe(false);
    expect(isAllowed([], request())).toBe(false);
  });

  it('ignores the case of actions but not of resources', () => {
    expect(isAllowed([allow({ Action: 'DynamoDB:getitem' })], request())).toBe(true);
    expect(isAllowed([allow({ Resource: table.toLowerCase() })], request())).toBe(false);
  });

  it('supports lists and the wildcards * and ?', () => {
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

  it('does not apply a statement without action or resource', () => {
    expect(isAllowed([allow({ Action: undefined })], request())).toBe(false);
    expect(isAllowed([allow({ Resource: undefined })], request())).toBe(false);
  });
});

describe('the evaluation of conditions', () => {
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
    'evaluates %s %j against %j to %s',
    (operator, expected, actual, result) => {
      expect(holds(operator, expected, actual)).toBe(result);
    },
  );

  it('requires every operator and every key', () => {
    const Condition = { StringEquals: { 'aws:k': 'a', 'aws:l': 'b' }, Bool: { 'aws:m': true } };
    const context = { 'aws:k': ['a'], 'aws:l': ['b'], 'aws:m': ['true'] };
    expect(isAllowed([allow({ Condition })], request({ context }))).toBe(true);
    for (const key of Object.keys(context)) {
      expect(isAllowed([allow({ Condition })], request({ context: { ...context, [key]: ['other'] } }))).toBe(false);
    }
  });

  it('ignores the case of condition keys', () => {
    const Condition = { StringEquals: { 'KMS:encryptioncontext:Purpose': 'upstream' } };
    const context = { 'kms:EncryptionContext:purpose': ['upstream'] };
    expect(isAllowed([allow({ Condition })], request({ context }))).toBe(true);
  });

  it.each(['NumericEquals', 'ForAllValues:Null', 'NullIfExists', 'constructor', 'ForSomeValues:StringLike', ''])(
    'rejects the unsupported operator %s, also in a statement that does not apply',
    (operator) => {
      const statements = [allow(), allow({ Action: 'kms:Sign', Condition: { [operator]: { k: '1' } } })];
      expect(() => isAllowed(statements, request())).toThrow(`operator ${operator} is not supported`);
    },
  );

  it('rejects policy variables', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a policy variable
    expect(() => isAllowed([allow({ Resource: 'a/${aws:username}' })], request())).toThrow('policy variables');
  });
});

describe('the evaluation of any policy', () => {
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

  it('denies if a statement denies everything', () => {
    fc.assert(
      fc.property(statements, requests, fc.nat(), (list, accessRequest, position) => {
        const denial: Statement = { Effect: 'Deny', Action: '*', Resource: '*' };
        const denied = (list as Statement[]).toSpliced(position % (list.length + 1), 0, denial);
        expect(isAllowed(denied, accessRequest)).toBe(false);
      }),
    );
  });

  it('removes no permission because of another Allow, and adds none because of another Deny', () => {
    fc.assert(
      fc.property(statements, statements, requests, (list, more, accessRequest) => {
        const allows = more.map((each) => ({ ...each, Effect: 'Allow' as const }));
        const denies = more.map((each) => ({ ...each, Effect: 'Deny' as const }));
        if (isAllowed(list, accessRequest)) expect(isAllowed([...list, ...allows], accessRequest)).toBe(true);
        else expect(isAllowed([...list, ...denies], accessRequest)).toBe(false);
      }),
    );
  });

  it('does not depend on the order of statements', () => {
    fc.assert(
      fc.property(statements, requests, (list, accessRequest) => {
        expect(isAllowed(list.toReversed(), accessRequest)).toBe(isAllowed(list, accessRequest));
      }),
    );
  });

  it('matches wildcards as a regular expression would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\\', '#'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '\\', '#', '*', '?'), maxLength: 8 });
    fc.assert(
      fc.property(text, pattern, (actual, glob) => {
        const source = glob
          .replace(/[.\\#]/g, '\\$&')
          .replaceAll('*', '.*')
          .replaceAll('?', '.');
        expect(matchesPattern(actual, glob)).toBe(new RegExp(`^${source}$`, 's').test(actual));
      }),
      { numRuns: 2000 },
    );
  });

  it('matches a pattern with many wildcards in linear time', () => {
    expect(matchesPattern('a'.repeat(5000), `${'*a'.repeat(500)}b`)).toBe(false);
  });
});
