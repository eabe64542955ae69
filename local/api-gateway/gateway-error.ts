/** API Gateway's default gateway responses (its developer guide, "Gateway response types"). */
export const gatewayResponseTypes = {
  ACCESS_DENIED: { status: 403, message: 'User is not authorized to access this resource' },
  /** Also for an authorizer function that is throttled. */
  AUTHORIZER_CONFIGURATION_ERROR: { status: 500, message: null },
  AUTHORIZER_FAILURE: { status: 500, message: null },
  DEFAULT_4XX: { status: 400, message: 'Bad Request' },
  /** Also for a function that fails or returns a malformed response, with this status. */
  DEFAULT_5XX: { status: 502, message: 'Internal server error' },
  /** For a function that is throttled. API Gateway's guide has the status 504, Lambda's guide and measurements 500. */
  INTEGRATION_FAILURE: { status: 500, message: 'Internal server error' },
  INTEGRATION_TIMEOUT: { status: 504, message: 'Endpoint request timed out' },
  MISSING_AUTHENTICATION_TOKEN: { status: 403, message: 'Missing Authentication Token' },
  REQUEST_TOO_LARGE: { status: 413, message: 'Request Too Long' },
  THROTTLED: { status: 429, message: 'Too Many Requests' },
  UNAUTHORIZED: { status: 401, message: 'Unauthorized' },
};

export type GatewayResponseType = keyof typeof gatewayResponseTypes;

/** A request that API Gateway answers with a gateway response. */
export class GatewayError extends Error {
  readonly type: GatewayResponseType;
  /** The authorizer's context, for the mappings of the response. */
  readonly authorizer: Record<string, string>;

  /** @param cause for the log; the client does not receive it */
  constructor(type: GatewayResponseType, cause?: unknown, authorizer: Record<string, string> = {}) {
    super(cause === undefined ? type : `${type}: ${cause instanceof Error ? cause.message : cause}`);
    this.type = type;
    this.authorizer = authorizer;
  }
}
