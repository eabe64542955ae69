import { RegionInfo } from 'aws-cdk-lib/region-info';
import type { AssemblyStack } from '../../local/template/cloud-assembly.ts';
import { IntrinsicFunctions, noValue } from '../../local/template/intrinsic-functions.ts';

/** A value that exists only after the deployment, such as the id of a resource. */
class DeploymentTimeValue extends Error {}

const unknown = (): never => {
  throw new DeploymentTimeValue();
};

type Properties = Record<string, unknown>;

export type PlannedResource = {
  logicalId: string;
  properties: Properties;
  /** A property, by its path, as text; `undefined` if it is absent or known only after the deployment. */
  text(...path: string[]): string | undefined;
};

/** The resources that a deployment will create, as far as the template states their properties. */
export class PlannedStack {
  readonly name: string;
  readonly bootstrap: AssemblyStack['bootstrap'];
  readonly #template: AssemblyStack['template'];
  readonly #functions: IntrinsicFunctions;

  constructor(
    { stackName, template, bootstrap }: AssemblyStack,
    { account, region }: { account: string; region: string },
  ) {
    const { partition, domainSuffix } = RegionInfo.get(region);
    this.name = stackName;
    this.bootstrap = bootstrap;
    this.#template = template;
    const values = new Map<string, unknown>([
      ['AWS::StackName', stackName],
      ['AWS::NoValue', noValue],
      ['AWS::AccountId', account],
      ['AWS::Region', region],
      ['AWS::Partition', partition],
      ['AWS::URLSuffix', domainSuffix],
    ]);
    this.#functions = new IntrinsicFunctions({
      mappings: template.Mappings ?? {},
      conditions: template.Conditions ?? {},
      ref: (target) => values.get(target) ?? this.#parameter(target),
      attribute: unknown,
      importValue: unknown,
    });
  }

  resources(type: string): PlannedResource[] {
    return Object.entries(this.#template.Resources ?? {})
      .filter(([, { Type }]) => Type === type)
      .map(([logicalId, { Properties: properties = {} }]) => ({
        logicalId,
        properties,
        text: (...path) => this.#text(path.reduce<unknown>(memberOf, properties), logicalId),
      }));
  }

  has(type: string): boolean {
    return this.resources(type).length > 0;
  }

  /** The variables of each function that are known before the deployment. */
  functionVariables(): Record<string, string>[] {
    return this.resources('AWS::Lambda::Function').map(({ logicalId, properties }) => {
      const { Variables = {} } = (properties.Environment ?? {}) as { Variables?: Properties };
      return Object.fromEntries(
        Object.entries(Variables).flatMap(([name, value]) => {
          const text = this.#text(value, logicalId);
          return text === undefined ? [] : [[name, text]];
        }),
      );
    });
  }

  #text(value: unknown, where: string): string | undefined {
    try {
      const known = value === undefined ? undefined : this.#functions.evaluate(value, where);
      return known === undefined || known === noValue ? undefined : String(known);
    } catch (error) {
      if (error instanceof DeploymentTimeValue) return undefined;
      throw error;
    }
  }

  #parameter(target: string): unknown {
    const { Type = '', Default } = this.#template.Parameters?.[target] ?? {};
    return Default === undefined || Type.startsWith('AWS::SSM::') ? unknown() : Default;
  }
}

const memberOf = (value: unknown, name: string): unknown => (value as Properties | undefined)?.[name];
