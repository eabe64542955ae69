import { RetentionDays } from 'aws-cdk-lib/aws-logs';

/** Settings of every Lambda function. */
export interface FunctionSettings {
  /**
   * Bundles the functions with Holdfast's own DynamoDB client and shortcuts into the MCP SDK. `false` bundles the
   * libraries instead: the behaviour is the same, and the functions are slower (docs/performance.md, "Optimizations").
   * @default true
   */
  readonly optimizations?: boolean;
  /**
   * Retention of the functions' logs and of the access log.
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
  /**
   * Whether Lambda logs every invocation: `START`, `END`, and `REPORT` with duration and memory. These lines would be half
   * of the log volume, at $0.16 per million calls. The log format is JSON without them and text with them.
   * @default false
   */
  readonly lambdaSystemLogs?: boolean;
}

export const functionDefaults = {
  optimizations: true,
  logRetention: RetentionDays.ONE_MONTH,
  lambdaSystemLogs: false,
} satisfies FunctionSettings;
