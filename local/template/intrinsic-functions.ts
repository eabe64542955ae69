import { unsupported } from './unsupported-feature.ts';

type Json = Record<string, unknown>;

/** The sections of a template that intrinsic functions read, and the values of its references. */
export type IntrinsicSources = {
  mappings: Record<string, Record<string, Json>>;
  conditions: Record<string, unknown>;
  /** The value of a `Ref`, which may be `noValue`. */
  ref(target: string, where: string): unknown;
  attribute(logicalId: string, attribute: string, where: string): string;
  importValue(name: string, where: string): unknown;
};

/** The value of `AWS::NoValue`; removes the property or the list entry that has it. */
export const noValue = Symbol('AWS::NoValue');

/**
 * CloudFormation's intrinsic functions and conditions.
 *
 * `where` names the resource in errors. An unsupported function is an error, never a wrong value.
 */
export class IntrinsicFunctions {
  readonly #sources: IntrinsicSources;

  constructor(sources: IntrinsicSources) {
    this.#sources = sources;
  }

  evaluate(value: unknown, where: string): unknown {
    if (Array.isArray(value)) {
      return value.map((entry) => this.evaluate(entry, where)).filter((entry) => entry !== noValue);
    }
    if (typeof value !== 'object' || value === null) return value;
    const call = intrinsicCall(value);
    if (call !== undefined) return this.#call(call.name, call.argument, where);
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, entry]) => [key, this.evaluate(entry, where)])
        .filter(([, entry]) => entry !== noValue),
    );
  }

  condition(expression: unknown, where: string): boolean {
    if (typeof expression === 'string') {
      const named = this.#sources.conditions[expression];
      if (named === undefined) throw new Error(`${where}: the template has no condition ${expression}`);
      return this.condition(named, expression);
    }
    const [name, argument] = Object.entries(expression as Json)[0] ?? [];
    const operands = (argument ?? []) as unknown[];
    switch (name) {
      case 'Condition':
        return this.condition(argument, where);
      case 'Fn::Equals': {
        const [left, right] = operands.map((operand) => JSON.stringify(this.evaluate(operand, where)));
        return left === right;
      }
      case 'Fn::And':
        return operands.every((operand) => this.condition(operand, where));
      case 'Fn::Or':
        return operands.some((operand) => this.condition(operand, where));
      case 'Fn::Not':
        return !this.condition(operands[0], where);
      default:
        throw unsupported(where, `the condition function ${name}`);
    }
  }

  #call(name: string, argument: unknown, where: string): unknown {
    switch (name) {
      case 'Ref':
        return this.#sources.ref(String(argument), where);
      case 'Fn::GetAtt':
        return this.#sources.attribute(...attributePath(argument), where);
      case 'Fn::ImportValue':
        return this.#sources.importValue(asString(this.evaluate(argument, where), where), where);
      case 'Fn::Join':
        return this.#join(argument, where);
      case 'Fn::Sub':
        return this.#substitute(argument, where);
      case 'Fn::Select':
        return this.#select(argument, where);
      case 'Fn::Split': {
        const [separator, value] = this.#list(argument, where);
        return asString(value, where).split(String(separator));
      }
      case 'Fn::If': {
        // Evaluates the chosen branch alone: the other one may refer to a resource that does not exist.
        const [condition, whenTrue, whenFalse] = argument as unknown[];
        return this.evaluate(this.condition(condition, where) ? whenTrue : whenFalse, where);
      }
      case 'Fn::FindInMap':
        return this.#findInMap(argument, where);
      case 'Fn::Base64':
        return Buffer.from(asString(this.evaluate(argument, where), where)).toString('base64');
      default:
        throw unsupported(where, name);
    }
  }

  #join(argument: unknown, where: string): string {
    const [separator, values] = this.#list(argument, where);
    return (values as unknown[]).map((value) => asString(value, where)).join(String(separator));
  }

  #select(argument: unknown, where: string): unknown {
    const [index, list] = this.#list(argument, where);
    const selected = (list as unknown[])[Number(index)];
    if (selected === undefined) throw new Error(`${where}: Fn::Select ${index} exceeds the list`);
    return selected;
  }

  #findInMap(argument: unknown, where: string): unknown {
    const [map, top, second] = this.#list(argument, where).map(String) as [string, string, string];
    const value = this.#sources.mappings[map]?.[top]?.[second];
    if (value === undefined) throw new Error(`${where}: the mappings have no ${map}.${top}.${second}`);
    return value;
  }

  #substitute(argument: unknown, where: string): string {
    const [pattern, variables] = typeof argument === 'string' ? [argument, {}] : (argument as [string, Json]);
    return pattern.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, expression: string) => {
      if (literal) return `\${${expression}}`;
      const name = expression.trim();
      if (Object.hasOwn(variables, name)) return asString(this.evaluate(variables[name], where), where);
      if (name.includes('.')) return this.#sources.attribute(...attributePath(name), where);
      return asString(this.#sources.ref(name, where), where);
    });
  }

  #list(argument: unknown, where: string): unknown[] {
    const list = this.evaluate(argument, where);
    if (!Array.isArray(list)) throw new Error(`${where}: ${JSON.stringify(argument)} is not a list`);
    return list;
  }
}

/** The target of a `Ref`; undefined for any other value. */
export function refTarget(value: unknown): unknown {
  const { name, argument } = intrinsicCall(value) ?? {};
  return name === 'Ref' ? argument : undefined;
}

/** The target of a `Ref` or of an `Fn::GetAtt`; undefined for any other value. */
export function referenceTarget(value: unknown): unknown {
  const { name, argument } = intrinsicCall(value) ?? {};
  return name === 'Fn::GetAtt' ? attributePath(argument)[0] : refTarget(value);
}

function asString(value: unknown, where: string): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error(`${where}: ${JSON.stringify(value)} is not a string`);
}

/** An intrinsic function is an object whose only key is `Ref` or begins with `Fn::`. */
function intrinsicCall(value: unknown): { name: string; argument: unknown } | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  const [name, argument] = entries[0] ?? [];
  if (name === undefined || entries.length !== 1 || !(name === 'Ref' || name.startsWith('Fn::'))) return undefined;
  return { name, argument };
}

/** Both notations: `['Table', 'Arn']` and `'Table.Arn'`. The name of an attribute may contain dots. */
function attributePath(argument: unknown): [logicalId: string, attribute: string] {
  const path = Array.isArray(argument) ? argument.join('.') : String(argument);
  const dot = path.indexOf('.');
  return [path.slice(0, dot), path.slice(dot + 1)];
}
