import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { Token } from 'aws-cdk-lib/core';
import { mcpVariables, secretVariable } from '../../lambda/shared/environment.ts';
import { reservedVariables } from '../../lambda/shared/reserved-variables.ts';
import { type Limits, quoted, validateNumber, type WithDefaults } from './setting-validation.ts';

/** The two functions that run your tools: the MCP function, and the worker that continues long-running tools. */
export interface ServerFunctionSettings {
  /**
   * Memory of each of the two functions in MB, 128 to 10240. Lambda allots CPU in proportion to it.
   * @default 512
   */
  readonly memorySize?: number;
  /**
   * Environment variables of the two functions, as `addEnvironment` sets them. Secrets belong into `secrets`.
   * @default - the variables of Holdfast
   */
  readonly environment?: Readonly<Record<string, string>>;
  /**
   * The VPC in which the two functions run. Its subnets need a way to DynamoDB, KMS, Lambda, Secrets Manager if it is used,
   * and to the identity provider for `upstreamTokens`: a NAT gateway, or VPC endpoints. The local emulator has no VPC.
   * @default - no VPC: the functions reach the internet, and nothing in a VPC
   */
  readonly vpc?: IVpc;
  /**
   * The subnets of `vpc`.
   * @default - the private subnets
   */
  readonly vpcSubnets?: SubnetSelection;
  /**
   * The security groups of the two functions in `vpc`.
   * @default - one security group, which allows outbound traffic
   */
  readonly securityGroups?: ISecurityGroup[];
  /**
   * Concurrent executions that Lambda reserves for each of the two functions, and to which it limits it. Requests beyond
   * them receive 503; long-running tools wait.
   * @default - no reservation
   */
  readonly reservedConcurrentExecutions?: number;
  /**
   * Execution environments of the MCP function that Lambda keeps initialized, which costs money while they wait. Requests
   * beyond them start cold.
   * @default - none
   */
  readonly provisionedConcurrentExecutions?: number;
  /**
   * Whether AWS X-Ray traces the API and the two functions, at $5 for a million traces.
   * @default false
   */
  readonly tracing?: boolean;
}

export const serverFunctionDefaults = { memorySize: 512, tracing: false } satisfies ServerFunctionSettings;

const memoryLimits: Limits = { min: 128, max: 10_240, reason: 'Lambda offers no other sizes' };

const concurrencyLimits: Limits = { min: 1, max: 1_000_000, reason: 'with none, every request would fail' };

/** Yields an error message for each invalid setting. */
export function* validateServerFunctions(
  settings: WithDefaults<ServerFunctionSettings, typeof serverFunctionDefaults>,
): Generator<string> {
  const { vpc, vpcSubnets, securityGroups, reservedConcurrentExecutions, provisionedConcurrentExecutions } = settings;
  yield* validateNumber('memorySize', settings.memorySize, memoryLimits);
  for (const name of Object.keys(settings.environment ?? {})) yield* validateVariable(name);
  for (const [name, value] of Object.entries({ vpcSubnets, securityGroups })) {
    if (value !== undefined && vpc === undefined) yield `${name} is set without vpc: set vpc, or remove ${name}`;
  }
  for (const [name, value] of Object.entries({ reservedConcurrentExecutions, provisionedConcurrentExecutions })) {
    if (value !== undefined) yield* validateNumber(name, value, concurrencyLimits);
  }
  const [provisioned, reserved] = [provisionedConcurrentExecutions, reservedConcurrentExecutions].map(knownNumber);
  if (provisioned! > reserved!) {
    yield `provisionedConcurrentExecutions is ${provisionedConcurrentExecutions}: choose at most reservedConcurrentExecutions`;
  }
}

/** `undefined` for a token, whose value is unknown at synth. */
const knownNumber = (value: number | undefined) => (Token.isUnresolved(value) ? undefined : value);

/** Yields an error message for a name that an environment variable of the server cannot have. */
export function* validateVariable(name: string): Generator<string> {
  if (Object.hasOwn(mcpVariables, name) || name.startsWith(secretVariable(''))) {
    yield `${name} is a variable of Holdfast: choose another name`;
  } else if (reservedVariables.includes(name)) {
    yield `${name} is a variable of Lambda: choose another name`;
  } else if (!/^[A-Za-z]\w+$/.test(name)) {
    yield `environment has ${quoted(name)}: use letters, digits and _, at least two, the first a letter`;
  }
}
