import type { IKey } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { hasSyntax, quoted, validateChoice } from './setting-validation.ts';

/** Settings of every Lambda function, its logs, and the table. */
export interface FunctionSettings {
  /**
   * Bundles the functions that contain the MCP SDK (the MCP function, its worker, the audit tools) with Holdfast's own
   * DynamoDB client and shortcuts into the SDK. `false` bundles the libraries instead: the behaviour is the same, and the
   * functions are slower (docs/performance.md, "Optimizations"). The other functions are the same in each deployment.
   * @default true
   */
  readonly optimizations?: boolean;
  /**
   * Whether common messages are answered without the MCP SDK, which the MCP function then loads when another message needs
   * it (docs/performance.md, "Optimizations"). `false` has the MCP SDK answer every message: the behaviour is the same. So do
   * `optimizations: false`, `assets`, `external`, and a server of SDK v1.
   * @default true
   */
  readonly fastPath?: boolean;
  /**
   * Retention of the functions' logs and of the access log.
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
  /**
   * The CloudWatch log class of the access log, to which API Gateway writes a line for each request. `infrequent-access`
   * costs half, $0.05 less per million calls. CloudWatch Logs Insights reads it alone, without field discovery: the widgets
   * of users and rejections are empty, and live tail, subscription filters, data protection and export to S3 do not exist.
   * CloudWatch cannot change the class of a log group, so an update of a deployed stack fails: choose it before the first
   * deployment.
   * @default 'standard'
   * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html
   */
  readonly accessLogClass?: 'standard' | 'infrequent-access';
  /**
   * A customer managed KMS key, or its ARN, that encrypts the table and all log groups. The roles of the functions may use
   * it through DynamoDB alone. A key that the app imports needs a statement for CloudWatch Logs in its policy, and a warning
   * of the construct names the principal.
   * @default - keys of AWS; upstream tokens are sealed with a key of the stack in any case
   */
  readonly encryptionKey?: IKey | string;
  /**
   * Whether Lambda logs every invocation: `START`, `END`, and `REPORT` with duration and memory. These lines would be half
   * of the log volume, at $0.16 per million calls. The log format is JSON without them and text with them.
   * @default false
   */
  readonly lambdaSystemLogs?: boolean;
}

export const functionDefaults = {
  optimizations: true,
  fastPath: true,
  logRetention: RetentionDays.ONE_MONTH,
  accessLogClass: 'standard',
  lambdaSystemLogs: false,
} satisfies FunctionSettings;

const logClasses = ['standard', 'infrequent-access'];

const keyArnSyntax = /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/;

/** Yields an error message for each invalid setting. */
export function* validateFunctions({ accessLogClass, encryptionKey }: FunctionSettings): Generator<string> {
  if (accessLogClass !== undefined) yield* validateChoice('accessLogClass', accessLogClass, logClasses);
  if (typeof encryptionKey === 'string' && !hasSyntax(keyArnSyntax, encryptionKey)) {
    yield `encryptionKey is ${quoted(encryptionKey)}: write the ARN of a KMS key, such as arn:aws:kms:…:key/…`;
  }
}
