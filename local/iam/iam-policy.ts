/**
 * Whether a list of IAM statements allows a request: the part of IAM's evaluation that the policies of a CDK app use.
 * Pure, and strict about its own limits: an operator or a policy variable that it does not know throws, because a
 * statement that is silently skipped would allow on the laptop what AWS denies, or the reverse.
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
  /** Of resource policies; read by whoever owns the resource, not here. */
  Principal?: '*' | Record<string, OneOrMany<string>>;
};

/**
 * What is asked for. `context` has a list per condition key, e.g. `'dynamodb:LeadingKeys': ['G#1']`; a key that the
 * request does not carry is absent, and an empty list counts as absent.
 */
export type Request = { action: string; resource: string; context: Record<string, string[]> };

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

/** Operators that are true when their positive form is not, a missing key included. */
const negations: Record<string, string> = { StringNotEquals: 'StringEquals' };

type Operator = { quantifier?: 'ForAllValues' | 'ForAnyValue'; name: string; ifExists: boolean };

/**
 * Whether `statements` allow `request`: some statement allows it and none denies it.
 *
 * @throws Error naming the condition operator or policy variable that this evaluator does not know, in any statement,
 * whether it applies to the request or not.
 */
export function isAllowed(statements: Statement[], request: Request): boolean {
  for (const statement of statements) assertSupported(statement);
  const applying = statements.filter((statement) => applies(statement, request));
  return applying.length > 0 && applying.every((statement) => statement.Effect === 'Allow');
}

/** @throws Error naming what `isAllowed` would not understand in the statement. */
export function assertSupported(statement: Statement): void {
  for (const name of Object.keys(statement.Condition ?? {})) parseOperator(name);
  const texts = [statement.Resource, statement.NotResource, Object.values(statement.Condition ?? {})];
  if (JSON.stringify(texts).includes('${')) {
    throw new Error(`IAM policy variables are not supported locally: ${JSON.stringify(texts)}`);
  }
}

/** IAM's wildcards over the whole text: `*` any run of characters, also none; `?` exactly one. */
export function matchesPattern(text: string, pattern: string): boolean {
  // Greedy with one point of return: linear in practice, where a regular expression made from a policy may explode.
  let t = 0;
  let p = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = t;
    } else if (pattern[p] === '?' || pattern[p] === text[t]) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

function applies(statement: Statement, request: Request): boolean {
  const action = request.action.toLowerCase();
  const coversAction = (actions: OneOrMany<string>) =>
    many(actions).some((pattern) => matchesPattern(action, pattern.toLowerCase()));
  const coversResource = (resources: OneOrMany<string>) =>
    many(resources).some((pattern) => matchesPattern(request.resource, pattern));

  if (statement.Action !== undefined ? !coversAction(statement.Action) : coversAction(statement.NotAction ?? '*')) {
    return false;
  }
  if (
    statement.NotResource !== undefined
      ? coversResource(statement.NotResource)
      : !coversResource(statement.Resource ?? [])
  ) {
    return false;
  }
  return Object.entries(statement.Condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, expected]) =>
      holds(parseOperator(operator), valuesOf(request, key), many(expected).map(String)),
    ),
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
  // Without a set operator the key has one value. Were there more, a negation must hold for all of them.
  return negated ? actual.every(satisfied) : actual.some(satisfied);
}

function parseOperator(text: string): Operator {
  const [, quantifier, name = '', ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(text) ?? [];
  const known = Object.hasOwn(comparisons, name) || Object.hasOwn(negations, name);
  if (!known && text !== 'Null') throw new Error(`IAM condition operator ${text} is not supported locally`);
  return { quantifier: quantifier as Operator['quantifier'], name, ifExists: ifExists !== undefined };
}

/** Condition keys are not case-sensitive. */
function valuesOf(request: Request, key: string): string[] {
  const wanted = key.toLowerCase();
  return Object.entries(request.context).find(([name]) => name.toLowerCase() === wanted)?.[1] ?? [];
}

/** Each of the six parts is matched for itself: a `*` does not reach across a colon, except in the last part. */
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
