import type { Statement } from '../iam/iam-policy.ts';

type Json = Record<string, unknown>;

/** A CloudFormation template as `cdk synth` writes it; sections that nothing here reads are left out. */
export type TemplateJson = {
  Parameters?: Record<string, { Type: string; Default?: unknown }>;
  Mappings?: Record<string, Record<string, Json>>;
  Conditions?: Record<string, unknown>;
  Resources?: Record<string, { Type: string; Condition?: string; Properties?: Json; Metadata?: Json }>;
};

export type Resource = {
  logicalId: string;
  type: string;
  /** Resolved: no intrinsic function is left, and the address book has been applied. */
  properties: Json;
  /** As the template has them: a reference is still one, and `logicalIdOf` says to what. */
  raw: Json;
  metadata: Json;
};

export type TemplateOptions = {
  /**
   * What the resource's `Ref` and `Fn::GetAtt` values are on this desk: `{ Ref: …, Arn: …, 'Endpoint.Address': … }`.
   * Without a `Ref` the logical id stands in, as it is part of the physical name on AWS too.
   */
  attributes(logicalId: string, type: string, properties: Json): Record<string, string>;
  /** Pairs of origins, deployed and local: `['https://d1.cloudfront.net', 'http://127.0.0.1:8787']`. */
  addressBook: [deployed: string, local: string][];
  /** The value of `AWS::StackName`. */
  stackName?: string;
};

/** What an `AWS::NoValue` leaves behind until the property or list entry that holds it is dropped. */
const noValue = Symbol('AWS::NoValue');

/**
 * A synthesized template with its references resolved to local values.
 *
 * Conditions are honoured: a resource whose condition is false does not exist. What CloudFormation offers and this does
 * not know is an error that names the resource, never a value that is silently wrong.
 */
export class Template {
  readonly #json: TemplateJson;
  readonly #options: TemplateOptions;
  readonly #attributes = new Map<string, Record<string, string>>();
  readonly #resolving = new Set<string>();

  constructor(json: TemplateJson, options: TemplateOptions) {
    this.#json = json;
    this.#options = options;
  }

  /** The existing resources of one type, in the template's order. */
  resources(type: string): Resource[] {
    return Object.entries(this.#json.Resources ?? {})
      .filter(([logicalId, resource]) => resource.Type === type && this.#exists(logicalId))
      .map(([logicalId]) => this.resource(logicalId));
  }

  /** @throws Error if there is no such resource, or one of its properties cannot be resolved */
  resource(logicalId: string): Resource {
    const { Type, Properties = {}, Metadata = {} } = this.#declared(logicalId, logicalId);
    const properties = this.#addressed(this.#evaluate(Properties, logicalId)) as Json;
    return { logicalId, type: Type, properties, raw: Properties, metadata: Metadata };
  }

  /** @param value a part of the template, or an expression made by hand such as `{ Ref: 'Table' }` */
  resolve(value: unknown, where = 'template'): unknown {
    return this.#addressed(this.#evaluate(value, where));
  }

  /** @throws Error if the raw value is anything but one `Ref` or `Fn::GetAtt` of a resource */
  logicalIdOf(value: unknown): string {
    const { name, argument } = intrinsic(value) ?? {};
    const target = name === 'Ref' ? argument : name === 'Fn::GetAtt' ? attributePath(argument)[0] : undefined;
    if (typeof target !== 'string' || !Object.hasOwn(this.#json.Resources ?? {}, target)) {
      throw new Error(`${JSON.stringify(value)} does not refer to a resource of the template`);
    }
    return target;
  }

  /**
   * What a role allows: its inline policies, and the policies of the template that are attached to it.
   *
   * @throws Error for a policy whose text is not in the template (one that AWS manages) and for a permissions boundary:
   * leaving them out would make the desk refuse, or allow, what AWS does not
   */
  statementsOf(roleLogicalId: string): Statement[] {
    const role = this.resource(roleLogicalId);
    if (role.properties.PermissionsBoundary !== undefined) {
      throw new Error(`${roleLogicalId}: a permissions boundary is not evaluated locally`);
    }
    const policies = [...((role.properties.Policies as { PolicyDocument: PolicyDocument }[] | undefined) ?? [])];
    const managed = new Set<string>();
    for (const attached of (role.raw.ManagedPolicyArns as unknown[] | undefined) ?? []) {
      managed.add(this.#managedPolicy(attached, roleLogicalId));
    }
    for (const type of ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']) {
      for (const policy of this.resources(type)) {
        const roles = (policy.raw.Roles as unknown[] | undefined) ?? [];
        if (managed.has(policy.logicalId) || roles.some((each) => this.#isRefTo(each, roleLogicalId))) {
          policies.push(policy.properties as { PolicyDocument: PolicyDocument });
        }
      }
    }
    return policies.flatMap(({ PolicyDocument: { Statement: statements } }) => statements);
  }

  #managedPolicy(attached: unknown, role: string): string {
    if (intrinsic(attached)?.name === 'Ref') return this.logicalIdOf(attached);
    throw new Error(
      `${role}: the managed policy ${this.#evaluate(attached, role)} is not part of the template, so the desk cannot tell what it allows; grant the actions themselves`,
    );
  }

  #isRefTo(value: unknown, logicalId: string): boolean {
    const { name, argument } = intrinsic(value) ?? {};
    return name === 'Ref' && argument === logicalId;
  }

  #exists(logicalId: string): boolean {
    const condition = this.#json.Resources?.[logicalId]?.Condition;
    return condition === undefined || this.#condition(condition, logicalId);
  }

  #declared(logicalId: string, where: string) {
    const resources = this.#json.Resources ?? {};
    const resource = Object.hasOwn(resources, logicalId) ? resources[logicalId] : undefined;
    if (resource === undefined) throw new Error(`${where}: the template has no resource ${logicalId}`);
    if (!this.#exists(logicalId)) throw new Error(`${where}: ${logicalId} does not exist, its condition is false`);
    return resource;
  }

  #attributesOf(logicalId: string, where: string): Record<string, string> {
    const known = this.#attributes.get(logicalId);
    if (known !== undefined) return known;
    if (this.#resolving.has(logicalId)) throw new Error(`${where}: circular reference by way of ${logicalId}`);
    this.#resolving.add(logicalId);
    try {
      const { type, properties } = this.resource(logicalId);
      const attributes = { Ref: logicalId, ...this.#options.attributes(logicalId, type, properties) };
      this.#attributes.set(logicalId, attributes);
      return attributes;
    } finally {
      this.#resolving.delete(logicalId);
    }
  }

  #evaluate(value: unknown, where: string): unknown {
    if (Array.isArray(value)) {
      return value.map((each) => this.#evaluate(each, where)).filter((each) => each !== noValue);
    }
    if (typeof value !== 'object' || value === null) return value;
    const call = intrinsic(value);
    if (call !== undefined) return this.#call(call.name, call.argument, where);
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, each]) => [key, this.#evaluate(each, where)])
        .filter(([, each]) => each !== noValue),
    );
  }

  #call(name: string, argument: unknown, where: string): unknown {
    switch (name) {
      case 'Ref':
        return this.#ref(String(argument), where);
      case 'Fn::GetAtt':
        return this.#getAttribute(attributePath(argument), where);
      case 'Fn::Join': {
        const [separator, parts] = this.#list(argument, where);
        return (parts as unknown[]).map((part) => this.#text(part, where)).join(String(separator));
      }
      case 'Fn::Sub':
        return this.#substitute(argument, where);
      case 'Fn::Select': {
        const [index, list] = this.#list(argument, where);
        const selected = (list as unknown[])[Number(index)];
        if (selected === undefined) throw new Error(`${where}: Fn::Select ${index} is beyond the list`);
        return selected;
      }
      case 'Fn::Split': {
        const [separator, text] = this.#list(argument, where);
        return this.#text(text, where).split(String(separator));
      }
      case 'Fn::If': {
        // Only the branch taken is evaluated: the other may refer to what does not exist.
        const [condition, whenTrue, whenFalse] = argument as unknown[];
        return this.#evaluate(this.#condition(condition, where) ? whenTrue : whenFalse, where);
      }
      case 'Fn::FindInMap': {
        const [map, top, second] = this.#list(argument, where).map(String) as [string, string, string];
        const found = this.#json.Mappings?.[map]?.[top]?.[second];
        if (found === undefined) throw new Error(`${where}: there is no ${map}.${top}.${second} in the mappings`);
        return found;
      }
      case 'Fn::Base64':
        return Buffer.from(this.#text(this.#evaluate(argument, where), where)).toString('base64');
      default:
        throw new Error(`${where}: ${name} cannot be resolved locally`);
    }
  }

  #condition(expression: unknown, where: string): boolean {
    if (typeof expression === 'string') {
      const named = this.#json.Conditions?.[expression];
      if (named === undefined) throw new Error(`${where}: the template has no condition ${expression}`);
      return this.#condition(named, expression);
    }
    const [name, argument] = Object.entries(expression as Json)[0] ?? [];
    const operands = (argument ?? []) as unknown[];
    switch (name) {
      case 'Condition':
        return this.#condition(argument, where);
      case 'Fn::Equals': {
        const [left, right] = operands.map((each) => JSON.stringify(this.#evaluate(each, where)));
        return left === right;
      }
      case 'Fn::And':
        return operands.every((each) => this.#condition(each, where));
      case 'Fn::Or':
        return operands.some((each) => this.#condition(each, where));
      case 'Fn::Not':
        return !this.#condition(operands[0], where);
      default:
        throw new Error(`${where}: the condition ${name} cannot be resolved locally`);
    }
  }

  #ref(target: string, where: string): unknown {
    const stackName = this.#options.stackName ?? 'Holdfast';
    switch (target) {
      case 'AWS::NoValue':
        return noValue;
      case 'AWS::Region':
        return 'us-east-1';
      case 'AWS::AccountId':
        return '000000000000';
      case 'AWS::Partition':
        return 'aws';
      case 'AWS::URLSuffix':
        return 'amazonaws.com';
      case 'AWS::StackName':
        return stackName;
      case 'AWS::StackId':
        return `arn:aws:cloudformation:us-east-1:000000000000:stack/${stackName}/00000000-0000-0000-0000-000000000000`;
    }
    const parameters = this.#json.Parameters ?? {};
    const parameter = Object.hasOwn(parameters, target) ? parameters[target] : undefined;
    if (parameter === undefined) {
      this.#declared(target, where);
      return this.#attributesOf(target, where).Ref;
    }
    if (parameter.Default === undefined) throw new Error(`${where}: the parameter ${target} has no default`);
    if (parameter.Type.startsWith('AWS::SSM::Parameter')) {
      throw new Error(`${where}: the parameter ${target} is read from Systems Manager, which is not run locally`);
    }
    return parameter.Default;
  }

  #getAttribute([logicalId, attribute]: [string, string], where: string): string {
    const { Type } = this.#declared(logicalId, where);
    const value = this.#attributesOf(logicalId, where)[attribute];
    if (value === undefined || attribute === 'Ref') {
      throw new Error(`${where}: there is no local value for the attribute ${attribute} of ${logicalId} (${Type})`);
    }
    return value;
  }

  #substitute(argument: unknown, where: string): string {
    const [text, given] = typeof argument === 'string' ? [argument, {}] : (argument as [string, Json]);
    return text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, expression: string) => {
      if (literal) return `\${${expression}}`;
      const name = expression.trim();
      if (Object.hasOwn(given, name)) return this.#text(this.#evaluate(given[name], where), where);
      if (name.includes('.')) return this.#getAttribute(attributePath(name), where);
      return this.#text(this.#ref(name, where), where);
    });
  }

  #list(argument: unknown, where: string): unknown[] {
    const list = this.#evaluate(argument, where);
    if (!Array.isArray(list)) throw new Error(`${where}: ${JSON.stringify(argument)} should be a list`);
    return list;
  }

  #text(value: unknown, where: string): string {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
    throw new Error(`${where}: ${JSON.stringify(value)} should be a text`);
  }

  /** Last, because a template may take an address apart with `Fn::Split` and put it together with `Fn::Join`. */
  #addressed(value: unknown): unknown {
    if (typeof value === 'string') {
      return this.#options.addressBook.reduce((text, [deployed, local]) => replaceOrigin(text, deployed, local), value);
    }
    if (Array.isArray(value)) return value.map((each) => this.#addressed(each));
    if (typeof value !== 'object' || value === null) return value === noValue ? undefined : value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.#addressed(each)]));
  }
}

type PolicyDocument = { Statement: Statement | Statement[] };

/** Not where the host goes on: `https://a.example` is not the beginning of `https://a.example.org`. */
function replaceOrigin(text: string, deployed: string, local: string): string {
  const [head = '', ...rest] = text.split(deployed);
  return rest.reduce((done, tail) => done + (/^[\w.-]/.test(tail) ? deployed : local) + tail, head);
}

/** The intrinsic function that a value is, if it is one: an object whose only key is `Ref` or begins with `Fn::`. */
function intrinsic(value: unknown): { name: string; argument: unknown } | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  const [name, argument] = entries[0] ?? [];
  if (name === undefined || entries.length !== 1 || !(name === 'Ref' || name.startsWith('Fn::'))) return undefined;
  return { name, argument };
}

/** Both ways to write it: `['Table', 'Arn']` and `'Table.Arn'`. An attribute's name may have dots itself. */
function attributePath(argument: unknown): [string, string] {
  const path = Array.isArray(argument) ? argument.join('.') : String(argument);
  const dot = path.indexOf('.');
  return [path.slice(0, dot), path.slice(dot + 1)];
}
