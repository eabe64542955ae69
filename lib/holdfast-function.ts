import { createRequire } from 'node:module';
import type { ISecurityGroup, IVpc } from 'aws-cdk-lib/aws-ec2';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import {
  Effect,
  Grant,
  type IGrantable,
  type IPrincipal,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  ApplicationLogLevel,
  Architecture,
  type FunctionOptions,
  type IFunction,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Duration, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { BundledValues } from './bundle/esbuild-run.ts';
import { bundleFolder, FunctionBundle, type FunctionEntry, type ServerContent } from './bundle/function-bundle.ts';
import type { HoldfastSettings } from './settings/holdfast-settings.ts';
import { removalPolicy, type Stage } from './settings/stage.ts';

const require = createRequire(import.meta.url);

export interface HoldfastFunctionProps extends BundledValues {
  /** The module in `lambda/functions/`, without extension. */
  readonly entry: FunctionEntry;
  /**
   * The exported function to invoke.
   * @default 'handler'
   */
  readonly handler?: string;
  /**
   * Path of the owner's server, which the function contains.
   * @default - the function contains no server
   */
  readonly server?: string;
  /**
   * The content of the function beside the server.
   * @default - nothing
   */
  readonly serverContent?: ServerContent;
  /** Environment variables; an `undefined` variable is omitted. */
  readonly environment: Record<string, string | undefined>;
  /**
   * Whether a function that contains the MCP SDK has Holdfast's own DynamoDB client and SDK shortcuts, or the libraries.
   * @default true
   */
  readonly optimizations?: HoldfastSettings['optimizations'];
  /**
   * Whether a function with an owner's server answers common messages without the MCP SDK.
   * @default false
   */
  readonly fastPath?: HoldfastSettings['fastPath'];
  /** Memory size in MB. */
  readonly memorySize: number;
  /**
   * Layers, VPC and concurrency of the function, and whether X-Ray traces it.
   * @default - no layers, no VPC, no reserved concurrency, no traces
   */
  readonly lambda?: Pick<
    FunctionOptions,
    'layers' | 'vpc' | 'vpcSubnets' | 'securityGroups' | 'reservedConcurrentExecutions' | 'tracing'
  >;
  /**
   * Execution environments that Lambda keeps initialized.
   * @default - none
   */
  readonly provisionedConcurrentExecutions?: number;
  /**
   * The customer managed key of the log group.
   * @default - a key of AWS
   */
  readonly encryptionKey?: IKey;
  readonly timeout: Duration;
  readonly logRetention: RetentionDays;
  /** Whether Lambda logs `START`, `END` and `REPORT` of every invocation. */
  readonly systemLogs: boolean;
  readonly stage: Stage;
}

/**
 * A Lambda function with its own role and log group. The role initially permits writing to this log group only, instead
 * of the AWS managed policy, which permits writing to every log group of the account; other constructs grant the rest.
 */
export class HoldfastFunction extends Construct implements IGrantable {
  readonly handler: LambdaFunction;
  /** The function as API Gateway invokes it: an alias of its version where Lambda keeps environments initialized. */
  readonly invoked: IFunction;
  readonly logGroup: LogGroup;
  readonly role: Role;
  readonly grantPrincipal: IPrincipal;

  constructor(scope: Construct, id: string, props: HoldfastFunctionProps) {
    super(scope, id);
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetention,
      removalPolicy: removalPolicy(props.stage),
      encryptionKey: props.encryptionKey,
    });
    this.logGroup.grantWrite(role);
    if (props.lambda?.vpc !== undefined) grantNetworkInterfaces(role);
    if (props.lambda?.tracing !== undefined) acknowledgeTraces(role);
    this.role = role;
    this.grantPrincipal = role;
    this.handler = new LambdaFunction(this, 'Function', {
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: new FunctionBundle(props.entry, props),
      handler: `${bundleFolder(props)}index.${props.handler ?? 'handler'}`,
      role,
      logGroup: this.logGroup,
      ...(!props.systemLogs && withoutSystemLogs),
      memorySize: props.memorySize,
      ...props.lambda,
      timeout: props.timeout,
      environment: Object.fromEntries(
        Object.entries(props.environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ),
    });
    const { provisionedConcurrentExecutions } = props;
    this.invoked =
      provisionedConcurrentExecutions === undefined
        ? this.handler
        : this.handler.addAlias('live', { provisionedConcurrentExecutions });
  }

  /** Invokes the function at an interval, with an EventBridge rule. */
  scheduleEvery(interval: Duration): void {
    new Rule(this, 'Schedule', { schedule: Schedule.rate(interval), targets: [new LambdaTarget(this.handler)] });
  }

  /**
   * Grants another function to invoke this one asynchronously. Lambda attempts an event up to three times, and discards
   * an event that it could not start within one hour.
   */
  grantAsyncInvoke(grantee: IGrantable): void {
    this.handler.configureAsyncInvoke({ retryAttempts: 2, maxEventAge: Duration.hours(1) });
    Grant.addToPrincipal({
      grantee,
      actions: ['lambda:InvokeFunction'],
      resourceArns: [this.handler.functionArn],
    }).assertSuccess();
  }
}

/**
 * Lambda can omit its system logs only in the JSON log format. In this format the runtime converts the output of
 * `console` to JSON, and passes lines on the standard output through, as Holdfast writes them. The level `TRACE` keeps a
 * tool's `console.debug`, which the default level would omit.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
 */
const withoutSystemLogs = {
  loggingFormat: LoggingFormat.JSON,
  systemLogLevelV2: SystemLogLevel.WARN,
  applicationLogLevelV2: ApplicationLogLevel.TRACE,
};

/** The security group of the functions that run the tools. */
export function serverSecurityGroup(scope: Construct, vpc: IVpc): ISecurityGroup {
  // Loaded on demand: it takes a tenth of a second of each synthesis, and a stack without a VPC does not need it.
  const { SecurityGroup } = require('aws-cdk-lib/aws-ec2') as typeof import('aws-cdk-lib/aws-ec2');
  return new SecurityGroup(scope, 'ServerSecurityGroup', { vpc, description: 'The tools of the MCP server' });
}

/**
 * Lambda connects a function to its VPC with the function's role, on network interfaces that do not exist yet. The code of
 * the function has no use for these permissions, and is denied them.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
 */
function grantNetworkInterfaces(role: Role): void {
  const actions = [
    'ec2:AssignPrivateIpAddresses',
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:UnassignPrivateIpAddresses',
  ];
  role.addToPolicy(new PolicyStatement({ actions, resources: ['*'] }));
  role.addToPolicy(
    new PolicyStatement({
      effect: Effect.DENY,
      actions,
      resources: ['*'],
      // Lambda adds this key to the requests of the function's code alone.
      conditions: { Null: { 'lambda:SourceFunctionArn': 'false' } },
    }),
  );
  acknowledgeAllResources(
    role,
    'Lambda creates the network interfaces of a function, and their ids, when it needs them.',
  );
}

/** Acknowledges the permission of a role to write traces. */
export const acknowledgeTraces = (role: Role): void =>
  acknowledgeAllResources(role, 'AWS X-Ray supports no permissions on single resources for writing traces.');

function acknowledgeAllResources(role: Role, reason: string): void {
  Validations.of(role).acknowledge({ id: 'AwsSolutions-IAM5[Resource::*]', reason });
}
