import { type AwsEnvironment, defaultEnvironment } from '../aws-api/aws-environment.ts';
import { IntrinsicFunctions, noValue, referenceTarget } from './intrinsic-functions.ts';
import { type OriginMap, withLocalOrigins } from './local-origins.ts';
import { unsupported } from './unsupported-feature.ts';

type Json = Record<string, unknown>;

/** A CloudFormation template as `cdk synth` writes it, without the sections that the emulator does not read. */
export type TemplateJson = {
  Parameters?: Record<string, { Type: string; Default?: unknown }>;
  Mappings?: Record<string, Record<string, Json>>;
  Conditions?: Record<string, unknown>;
  Resources?: Record<string, { Type: string; Condition?: string; Properties?: Json; Metadata?: Json }>;
  Outputs?: Record<string, { Value: unknown; Description?: string; Export?: { Name: unknown } }>;
};

export type Resource = {
  logicalId: string;
  type: string;
  /** Resolved: without intrinsic functions, and with local origins. */
  properties: Json;
  /** As the template has them: references are unresolved, and `logicalIdOf` returns their targets. */
  raw: Json;
  metadata: Json;
};

export type TemplateOptions = {
  /**
   * The local values of the resource's `Ref` and `Fn::GetAtt`: `{ Ref: …, Arn: …, 'Endpoint.Address': … }`. The default
   * of `Ref` is the logical id, which is part of the physical name on AWS too.
   */
  attributes(logicalId: string, type: string, properties: Json): Record<string, string>;
  origins: OriginMap;
  /** Whether the emulator has the resource. References to others have placeholders. @default all */
  isEmulated?(logicalId: string): boolean;
  /** The value of `Fn::ImportValue`. @throws Error for an unknown export */
  importValue?(name: string, where: string): unknown;
  /** The value of `AWS::StackName`. */
  stackName?: string;
  /** The values of `AWS::AccountId`, `AWS::Region`, `AWS::Partition` and `AWS::URLSuffix`. */
  environment?: AwsEnvironment;
};

/**
 * A synthesized template with its references resolved to local values.
 *
 * A resource whose condition is false does not exist. An unsupported feature of CloudFormation is an error that names the
 * resource, never a wrong value.
 */
export class Template {
  readonly environment: AwsEnvironment;
  readonly #json: TemplateJson;
  readonly #options: TemplateOptions;
  readonly #functions: IntrinsicFunctions;
  readonly #pseudoParameters: Record<string, unknown>;
  readonly #attributes = new Map<string, Record<string, string>>();
  readonly #resolving = new Set<string>();

  constructor(json: TemplateJson, options: TemplateOptions) {
    this.#json = json;
    this.#options = options;
    this.environment = options.environment ?? defaultEnvironment;
    this.#pseudoParameters = pseudoParameters(options.stackName ?? 'Holdfast', this.environment);
    this.#functions = new IntrinsicFunctions({
      mappings: json.Mappings ?? {},
      conditions: json.Conditions ?? {},
      ref: (target, where) => this.#ref(target, where),
      attribute: (logicalId, attribute, where) => this.#attribute(logicalId, attribute, where),
      importValue: (name, where) => {
        if (options.importValue === undefined) throw unsupported(where, 'Fn::ImportValue');
        return options.importValue(name, where);
      },
    });
  }

  /** The existing resources of one type that the emulator has, in the template's order. */
  resources(type: string): Resource[] {
    return this.declarations(type).map(({ logicalId }) => this.resource(logicalId));
  }

  /** The same resources, unresolved: their properties may refer to what the emulator does not have. */
  declarations(type: string): Pick<Resource, 'logicalId' | 'raw'>[] {
    return Object.entries(this.#json.Resources ?? {})
      .filter(([logicalId, { Type }]) => Type === type && this.#exists(logicalId) && this.#isEmulated(logicalId))
      .map(([logicalId, { Properties = {} }]) => ({ logicalId, raw: Properties }));
  }

  /** @throws Error if the resource does not exist or one of its properties cannot be resolved */
  resource(logicalId: string): Resource {
    const { Type, Properties = {}, Metadata = {} } = this.#declared(logicalId, logicalId);
    const properties = this.resolve(Properties, logicalId) as Json;
    return { logicalId, type: Type, properties, raw: Properties, metadata: Metadata };
  }

  /**
   * @param value a value of the template, or any expression such as `{ Ref: 'Table' }`
   * @param where the resource to name in errors
   */
  resolve(value: unknown, where = 'template'): unknown {
    // Local origins come last, because a template may split an address with `Fn::Split` and join it with `Fn::Join`.
    return withLocalOrigins(this.#functions.evaluate(value, where), this.#options.origins);
  }

  /** Sets the attributes of a custom resource, which its function returns. */
  provide(logicalId: string, attributes: Record<string, string>): void {
    this.#attributes.set(logicalId, { Ref: logicalId, ...attributes });
  }

  /** The value of the resource's `Ref`. */
  ref(logicalId: string): string {
    return String(this.resolve({ Ref: logicalId }, logicalId));
  }

  /** The value of an attribute of the resource. */
  getAtt(logicalId: string, attribute: string): string {
    return String(this.resolve({ 'Fn::GetAtt': [logicalId, attribute] }, logicalId));
  }

  /** @throws Error if the raw value is not a `Ref` or `Fn::GetAtt` of a resource */
  logicalIdOf(value: unknown): string {
    const target = referenceTarget(value);
    if (typeof target !== 'string' || !Object.hasOwn(this.#json.Resources ?? {}, target)) {
      throw new Error(`${JSON.stringify(value)} does not refer to a resource of the template`);
    }
    return target;
  }

  #isEmulated(logicalId: string): boolean {
    return this.#options.isEmulated?.(logicalId) ?? true;
  }

  #exists(logicalId: string): boolean {
    const condition = this.#json.Resources?.[logicalId]?.Condition;
    return condition === undefined || this.#functions.condition(condition, logicalId);
  }

  #declared(logicalId: string, where: string) {
    const resources = this.#json.Resources ?? {};
    const resource = Object.hasOwn(resources, logicalId) ? resources[logicalId] : undefined;
    if (resource === undefined) throw new Error(`${where}: the template has no resource ${logicalId}`);
    if (!this.#exists(logicalId)) throw new Error(`${where}: ${logicalId} does not exist, its condition is false`);
    return resource;
  }

  #attributesOf(logicalId: string, where: string): Record<string, string> {
    const cached = this.#attributes.get(logicalId);
    if (cached !== undefined) return cached;
    if (this.#resolving.has(logicalId)) throw new Error(`${where}: circular reference through ${logicalId}`);
    this.#resolving.add(logicalId);
    try {
      const { Type: type, Properties = {} } = this.#declared(logicalId, where);
      // The properties of another resource may use what the emulator does not have.
      const properties = this.#isEmulated(logicalId) ? (this.resolve(Properties, logicalId) as Json) : {};
      const attributes = { Ref: logicalId, ...this.#options.attributes(logicalId, type, properties) };
      this.#attributes.set(logicalId, attributes);
      return attributes;
    } finally {
      this.#resolving.delete(logicalId);
    }
  }

  #ref(target: string, where: string): unknown {
    if (Object.hasOwn(this.#pseudoParameters, target)) return this.#pseudoParameters[target];
    const parameters = this.#json.Parameters ?? {};
    const parameter = Object.hasOwn(parameters, target) ? parameters[target] : undefined;
    if (parameter === undefined) {
      this.#declared(target, where);
      return this.#attributesOf(target, where).Ref;
    }
    if (parameter.Default === undefined) throw new Error(`${where}: the parameter ${target} has no default`);
    if (parameter.Type.startsWith('AWS::SSM::Parameter')) {
      throw unsupported(where, `the parameter ${target}, which Systems Manager holds`);
    }
    return parameter.Default;
  }

  #attribute(logicalId: string, attribute: string, where: string): string {
    const { Type } = this.#declared(logicalId, where);
    const value = this.#attributesOf(logicalId, where)[attribute];
    if (value === undefined && !this.#isEmulated(logicalId)) return `not-emulated-${logicalId}.${attribute}`;
    if (value === undefined || attribute === 'Ref') {
      throw new Error(`${where}: the local emulator has no attribute ${attribute} of ${logicalId} (${Type})`);
    }
    return value;
  }
}

function pseudoParameters(stackName: string, environment: AwsEnvironment): Record<string, unknown> {
  return {
    'AWS::NoValue': noValue,
    'AWS::Region': environment.region,
    'AWS::AccountId': environment.account,
    'AWS::Partition': environment.partition,
    'AWS::URLSuffix': environment.urlSuffix,
    'AWS::StackName': stackName,
    'AWS::StackId': environment.arn('cloudformation', `stack/${stackName}/00000000-0000-0000-0000-000000000000`),
  };
}
