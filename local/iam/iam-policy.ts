/**
 * Evaluates IAM statements: the part of IAM's evaluation that the policies of a CDK app use. Pure, and strict about its
 * limits: an unsupported operator or policy variable throws, because a statement that is skipped silently would allow
 * locally what AWS denies, or the reverse.
 *
 * Semantics: IAM User Guide, "Policy evaluation logic", "IAM JSON policy elements: Condition operators" and
 * "Multivalued context keys".
 */

type OneOrMany<T> = T | T[];

/** A statement as CloudFormation templates write it. */
export type Statement = {
  Sid?: string;
  Effect: 'Allow' | 'Deny';
  Action?: OneOrMany<string>;
  NotAction?: OneOrMany<string>;
  Resource?: OneOrMany<string>;
  NotResource?: OneOrMany<string>;
  Condition?: Record<string, Record<string, OneOrMany<string | boolean>>>;
  /** In resource policies; the service that owns the resource evaluates it. */
  Principal?: '*' | Record<string, OneOrMany<string>>;
};

/**
 * A request to authorize. `context` has a list per condition key, e.g. `'dynamodb:LeadingKeys': ['G#1']`; a key that the
 * request does not carry is absent, and an empty list counts as absent.
 */
export type AccessRequest = { action: string; resource: string; context: Record<string, string[]> };

/** Compares a value of the request with a value of the policy. */
type Comparison = (actual: string, expected: string) => boolean;

const comparisons: Record<string, Comparison> = {
  StringEquals: (actual, expected) => actual === expected,
  StringEqualsIgnoreCase: (actual, expected) => actual.toLowerCase() === expected.toLowerCase(),
  StringLike: matchesPattern,
  ArnEquals: matchesArn,
  ArnLike: matchesArn,
  Bool: (actual, expected) => actual.toLowerCase() === expected.toLowerCase(),
};

/** Operators that hold if their positive form does not, also for a missing key. */
const negations: Record<string, string> = { StringNotEquals: 'StringEquals' };

type Operator = { quantifier?: 'ForAllValues' | 'ForAnyValue'; name: string; ifExists: boolean };

/**
 * Whether `statements` allow `request`: at least one statement allows it and none denies it.
 *
 * @throws Error naming the unsupported condition operator or policy variable, in any statement, whether it applies to
 * the request or not
 */
export function isAllowed(statements: Statement[], request: AccessRequest): boolean {
  for (const statement of statements) assertSupported(statement);
  const applying = statements.filter((statement) => applies(statement, request));
  return applying.length > 0 && applying.every((statement) => statement.Effect === 'Allow');
}

/** @throws Error naming the condition operator or policy variable of the statement that `isAllowed` does not support */
export function assertSupported(statement: Statement): void {
  for (const name of Object.keys(statement.Condition ?? {})) parseOperator(name);
  const values = [statement.Resource, statement.NotResource, Object.values(statement.Condition ?? {})];
  if (JSON.stringify(values).includes('${')) {
    throw new Error(`IAM policy variables are not supported by the local emulator: ${JSON.stringify(values)}`);
  }
}

/** Matches IAM's wildcards against the whole value: `*` any run of characters, also an empty one; `?` exactly one. */
export function matchesPattern(value: string, pattern: string): boolean {
  // Greedy with one point of return: linear in practice. A regular expression made from a policy may backtrack
  // exponentially.
  let v = 0;
  let p = 0;
  let star = -1;
  let resume = 0;
  while (v < value.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = v;
    } else if (pattern[p] === '?' || pattern[p] === value[v]) {
      p++;
      v++;
    } else if (star >= 0) {
      p = star + 1;
      v = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

function applies(statement: Statement, request: AccessRequest): boolean {
  const action = request.action.toLowerCase();
  const coversAction = (actions: OneOrMany<string>) =>
    many(actions).some((pattern) => matchesPattern(action, pattern.toLowerCase()));
  const coversResource = (resources: OneOrMany<string>) =>
    many(resources).some((pattern) => matchesPattern(request.resource, pattern));

  const { Action, NotAction = '*', Resource = [], NotResource, Condition = {} } = statement;
  const actionApplies = Action !== undefined ? coversAction(Action) : !coversAction(NotAction);
  const resourceApplies = NotResource !== undefined ? !coversResource(NotResource) : coversResource(Resource);
  return (
    actionApplies &&
    resourceApplies &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, expected]) =>
        holds(parseOperator(operator), valuesOf(request, key), many(expected).map(String)),
      ),
    )
  );
}

function holds({ quantifier, name, ifExists }: Operator, actual: string[], expected: string[]): boolean {
  if (name === 'Null') return expected.some((absent) => (absent === 'true') === (actual.length === 0));
  const negated = negations[name] !== undefined;
  const compare = comparisons[negations[name] ?? name]!;
  const satisfied = (value: string) => expected.some((each) => compare(value, each)) !== negated;

  if (actual.length === 0) return ifExists || quantifier === 'ForAllValues' || (negated && quantifier === undefined);
  if (quantifier === 'ForAllValues') return actual.every(satisfied);
  if (quantifier === 'ForAnyValue') return actual.some(satisfied);
  // A key without a set operator has one value. If it has more, a negation must hold for all of them.
  return negated ? actual.every(satisfied) : actual.some(satisfied);
}

function parseOperator(operator: string): Operator {
  const [, quantifier, name = '', ifExists] =
    /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(operator) ?? [];
  const isSupported = Object.hasOwn(comparisons, name) || Object.hasOwn(negations, name) || operator === 'Null';
  if (!isSupported) throw new Error(`IAM condition operator ${operator} is not supported by the local emulator`);
  return { quantifier: quantifier as Operator['quantifier'], name, ifExists: ifExists !== undefined };
}

/** Condition keys are not case-sensitive. */
function valuesOf(request: AccessRequest, key: string): string[] {
  const lowerCase = key.toLowerCase();
  return Object.entries(request.context).find(([name]) => name.toLowerCase() === lowerCase)?.[1] ?? [];
}

/** Matches each of the six parts separately: a `*` does not match a colon, except in the last part. */
function matchesArn(actual: string, pattern: string): boolean {
  const patterns = arnParts(pattern);
  const parts = arnParts(actual);
  return parts.length === patterns.length && parts.every((part, i) => matchesPattern(part, patterns[i]!));
}

function arnParts(arn: string): string[] {
  const parts = arn.split(':');
  return [...parts.slice(0, 5), parts.slice(5).join(':')];
}

function many<T>(value: OneOrMany<T>): T[] {
  return Array.isArray(value) ? value : [value];
}
