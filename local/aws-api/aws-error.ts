/** The body of a request or a response. */
export type Json = Record<string, unknown>;

/** An error as an AWS client receives it. `details` are further members of the body, e.g. `CancellationReasons`. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;
  readonly details: Json;

  constructor(code: string, message: string, options: { status?: number; details?: Json } = {}) {
    super(message);
    this.code = code;
    this.status = options.status ?? 400;
    this.details = options.details ?? {};
  }
}

/** An operation that AWS may have and the local emulator does not. */
export function unknownOperation(operation: string, status?: number): AwsError {
  return new AwsError('UnknownOperationException', `${operation} is not supported by the local emulator.`, { status });
}
