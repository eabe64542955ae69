import { fileURLToPath } from 'node:url';
import { Duration } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import { Grant, type IGrantable, type IPrincipal, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  ApplicationLogLevel,
  Architecture,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  SystemLogLevel,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { FunctionBundle } from './bundle/function-bundle.ts';
import type { HoldfastSettings } from './settings/holdfast-settings.ts';
import { removalPolicy, type Stage } from './settings/stage.ts';

export interface HoldfastFunctionProps {
  /** The file in `lambda/`. */
  readonly entry: string;
  /**
   * What of the file is called.
   * @default 'handler'
   */
  readonly handler?: string;
  /** What the door reads at start; an absent variable is left out. */
  readonly environment: Record<string, string | undefined>;
  /**
   * AWS SDK clients that this door loads late and seldom: Lambda's own copies are used.
   * @default - all that is imported is in the bundle
   */
  readonly providedByLambda?: readonly string[];
  /**
   * The script in `lambda/web` of a page that this door serves.
   * @default - none
   */
  readonly page?: string;
  /**
   * Ours, or those of libraries.
   * @default true
   */
  readonly optimizations?: HoldfastSettings['optimizations'];
  readonly memoryMegabytes: number;
  readonly timeout: Duration;
  readonly logRetention: RetentionDays;
  /** Whether Lambda writes lines of its own for every invocation. */
  readonly systemLogs: boolean;
  readonly stage: Stage;
}

/**
 * A function with a role of its own. The role starts with one permission, to write to its own log group, and gains what
 * the other constructs grant it; AWS's managed policy for Lambda would let it write to every log group of the account.
 */
export class HoldfastFunction extends Construct implements IGrantable {
  readonly handler: LambdaFunction;
  readonly logGroup: LogGroup;
  readonly grantPrincipal: IPrincipal;

  constructor(scope: Construct, id: string, props: HoldfastFunctionProps) {
    super(scope, id);
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetention,
      removalPolicy: removalPolicy(props.stage),
    });
    this.logGroup.grantWrite(role);
    this.grantPrincipal = role;
    this.handler = new LambdaFunction(this, 'Function', {
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: new FunctionBundle(source(props.entry), {
        ...props,
        page: props.page && fileURLToPath(new URL(`../lambda/web/${props.page}`, import.meta.url)),
      }),
      handler: `index.${props.handler ?? 'handler'}`,
      role,
      logGroup: this.logGroup,
      ...(!props.systemLogs && withoutSystemLogs),
      memorySize: props.memoryMegabytes,
      timeout: props.timeout,
      environment: Object.fromEntries(
        Object.entries(props.environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ),
    });
  }

  /** Has EventBridge start this one again and again. */
  startEvery(interval: Duration): void {
    new Rule(this, 'Schedule', { schedule: Schedule.rate(interval), targets: [new LambdaTarget(this.handler)] });
  }

  /**
   * Lets another function start this one and not wait for it. AWS Lambda does so up to three times until it succeeds, and
   * drops what it could not begin with within the hour.
   */
  grantStart(grantee: IGrantable): void {
    this.handler.configureAsyncInvoke({ retryAttempts: 2, maxEventAge: Duration.hours(1) });
    const start = { actions: ['lambda:InvokeFunction'], resourceArns: [this.handler.functionArn] };
    Grant.addToPrincipal({ grantee, ...start }).assertSuccess();
  }
}

/**
 * Lambda leaves out its own lines only where logs are JSON. Ours stay as they are: the runtime makes JSON of what goes
 * through `console`, and what is written to the standard output is taken as it comes. Those of a tool's `console.debug`
 * would be left out by default.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
 */
const withoutSystemLogs = {
  loggingFormat: LoggingFormat.JSON,
  systemLogLevelV2: SystemLogLevel.WARN,
  applicationLogLevelV2: ApplicationLogLevel.TRACE,
};

const source = (file: string) => fileURLToPath(new URL(`../lambda/functions/${file}`, import.meta.url));
