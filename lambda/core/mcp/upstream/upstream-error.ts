/** Why an upstream server could not be used. */
export type UpstreamFault =
  | 'unreachable'
  | 'timed-out'
  | 'unauthorized'
  | 'refused'
  | 'too-large'
  | 'malformed'
  | 'no-session';

/** A model or a client reads these. `name` is at most 40 characters. */
const messages: Record<UpstreamFault, (name: string) => string> = {
  unreachable: (name) => `Upstream server ${name} did not answer; repeat the request shortly`,
  'timed-out': (name) => `Upstream server ${name} took too long and was cancelled`,
  unauthorized: (name) => `Upstream server ${name} rejects this deployment; its log has the reason`,
  refused: (name) => `Upstream server ${name} does not accept MCP requests at its URL`,
  'too-large': (name) => `Upstream server ${name} sent more than 8 MB`,
  malformed: (name) => `Upstream server ${name} sent an invalid MCP response`,
  'no-session': (name) => `Upstream server ${name} needs 2026-07-28 or sessions to request input`,
};

/** An upstream server that could not be used. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly fault: UpstreamFault;

  /** @param detail for the log: a status, or the error of the connection */
  constructor(fault: UpstreamFault, detail: string) {
    super(detail);
    this.fault = fault;
  }

  /** The message for clients and models. It has less than 100 characters and nothing that the upstream server sent. */
  describe(server: string): string {
    return messages[this.fault](server);
  }
}

/** An error response of an upstream server (JSON-RPC 2.0 §5.1). */
export class UpstreamRpcError extends Error {
  override readonly name = 'UpstreamRpcError';
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}
