import { type AwsEnvironment, defaultEnvironment } from '../aws-api/aws-environment.ts';
import { AccessDenied, type Principals } from '../iam/principals.ts';

/** The requests of Lambda to CloudWatch Logs for the lines of a function. */
const actions = ['logs:CreateLogStream', 'logs:PutLogEvents'];

/**
 * Lambda writes the log of a function with the role of the function. CloudWatch Logs rejects the lines of a function whose role
 * does not permit it; the function continues, and the lines are lost.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
 */
export class FunctionLogs {
  readonly #principals: Principals;
  readonly #environment: AwsEnvironment;
  readonly #writers = new Map<string, { accessKeyId: string; stream: string }>();
  /** Functions whose lines are lost. Each is reported once. */
  readonly #denied = new Set<string>();

  constructor(principals: Principals, environment: AwsEnvironment = defaultEnvironment) {
    this.#principals = principals;
    this.#environment = environment;
  }

  /** Sets the credentials and the log group of a function. */
  add(functionName: string, accessKeyId: string, logGroup: string): void {
    this.#writers.set(functionName, {
      accessKeyId,
      stream: this.#environment.arn('logs', `log-group:${logGroup}:log-stream:local`),
    });
  }

  /** @returns the line; the denial in place of the first line that the role does not permit; `undefined` for the next ones */
  write(functionName: string, line: string): string | undefined {
    const { accessKeyId, stream } = this.#writers.get(functionName)!;
    try {
      for (const action of actions) this.#principals.authorize(accessKeyId, { action, resource: stream, context: {} });
    } catch (error) {
      if (!(error instanceof AccessDenied)) throw error;
      if (this.#denied.has(functionName)) return undefined;
      this.#denied.add(functionName);
      return `The log of the function is lost. ${error.message}`;
    }
    this.#denied.delete(functionName);
    return line;
  }
}
