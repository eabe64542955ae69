import { GatewayResponse, ResponseType, type RestApi } from 'aws-cdk-lib/aws-apigateway';
import { Construct } from 'constructs';

export interface GatewayResponsesProps {
  readonly api: RestApi;
  /** The public origin, such as `https://mcp.example.com`. */
  readonly publicUrl: string;
  /** The scope in the 401 challenge. */
  readonly scope: string;
}

/** In seconds: long enough for a burst to pass, short enough for a person to wait. */
const RETRY_AFTER = "'2'";

/** API Gateway's message about the error, a JSON string including its quotes. */
const GATEWAY_MESSAGE = '$context.error.messageString';

/**
 * The error responses of API Gateway: JSON with CORS headers, and the 401 and 403 challenges. A function cannot send
 * the challenges, because API Gateway renames its `WWW-Authenticate` to `x-amzn-Remapped-WWW-Authenticate`.
 *
 * A function at its concurrency limit is throttled: Lambda rejects the invocation with TooManyRequestsException. API
 * Gateway then answers 500 by default, and never Lambda's 429 (Lambda developer guide, "Handling Lambda errors with an API
 * Gateway API"). A customized INTEGRATION_FAILURE replaces that response: measured in re:Post QUL-z6rJbmR4meafB7MzYXxw,
 * and reported in Stack Overflow 36363280. For an authorizer, API Gateway's table of response types has
 * AUTHORIZER_CONFIGURATION_ERROR ("failing to connect") and AUTHORIZER_FAILURE; deployed APIs answer the errors of an
 * authorizer function with `x-amzn-ErrorType: AuthorizerConfigurationException`. Both types have the same response here.
 *
 * Only a deployment can confirm that a streaming integration and a throttled authorizer use these types, and whether
 * INTEGRATION_FAILURE also covers a function that fails.
 */
export class GatewayResponses extends Construct {
  constructor(scope: Construct, id: string, props: GatewayResponsesProps) {
    super(scope, id);
    const metadata = `${props.publicUrl}/.well-known/oauth-protected-resource/mcp`;

    // RFC 9728 §5.1. Without `error`, which RFC 6750 §3.1 forbids when the token is absent: the response is the same then.
    this.#respond(props.api, ResponseType.UNAUTHORIZED, {
      status: 401,
      error: 'invalid_token',
      description: 'Sign in to use this server',
      headers: {
        'WWW-Authenticate': `'Bearer resource_metadata="${metadata}", scope="${props.scope}"'`,
        // A gateway response cannot depend on `Accept`. Browsers follow `Refresh` on a response that they show, and so
        // show the page of the server in place of the error; programs ignore it.
        Refresh: "'0; url=/'",
      },
    });
    // The authorizer supplies the challenge, because it determines the missing scope (RFC 6750 §3.1). The resource policy
    // denies a request that bypasses CloudFront before the authorizer runs, so that response has no challenge.
    this.#respond(props.api, ResponseType.ACCESS_DENIED, {
      status: 403,
      error: 'insufficient_scope',
      description: 'The access token does not permit this request',
      headers: { 'WWW-Authenticate': 'context.authorizer.challenge' },
    });
    // API Gateway's response type for a path that does not exist.
    this.#respond(props.api, ResponseType.MISSING_AUTHENTICATION_TOKEN, {
      status: 404,
      error: 'not_found',
      description: 'No resource exists at this path',
    });
    this.#respond(props.api, ResponseType.THROTTLED, {
      status: 429,
      error: 'temporarily_unavailable',
      description: 'Too many requests',
      headers: { 'Retry-After': RETRY_AFTER },
    });
    // The key set is unavailable or the authorizer is throttled, so the token is neither valid nor invalid. A 401 would make
    // the client sign in again.
    for (const type of [ResponseType.AUTHORIZER_FAILURE, ResponseType.AUTHORIZER_CONFIGURATION_ERROR]) {
      this.#respond(props.api, type, {
        status: 503,
        error: 'temporarily_unavailable',
        description: 'The access token cannot be verified at the moment',
        headers: { 'Retry-After': RETRY_AFTER },
      });
    }
    this.#respond(props.api, ResponseType.INTEGRATION_FAILURE, {
      status: 503,
      error: 'temporarily_unavailable',
      description: 'The server is not available at the moment',
      headers: { 'Retry-After': RETRY_AFTER },
    });
    this.#respond(props.api, ResponseType.DEFAULT_4XX, { error: 'invalid_request' });
    this.#respond(props.api, ResponseType.DEFAULT_5XX, {
      error: 'temporarily_unavailable',
      headers: { 'Retry-After': RETRY_AFTER },
    });
  }

  #respond(
    restApi: RestApi,
    type: ResponseType,
    response: { status?: number; error: string; description?: string; headers?: Record<string, string> },
  ): void {
    const description = response.description === undefined ? GATEWAY_MESSAGE : JSON.stringify(response.description);
    new GatewayResponse(this, type.responseType, {
      restApi,
      type,
      statusCode: response.status?.toString(),
      responseHeaders: {
        'Access-Control-Allow-Origin': "'*'",
        'Access-Control-Expose-Headers': "'WWW-Authenticate, Mcp-Session-Id'",
        ...response.headers,
      },
      templates: { 'application/json': `{"error":"${response.error}","error_description":${description}}` },
    });
  }
}
