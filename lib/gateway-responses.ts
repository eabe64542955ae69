import { GatewayResponse, ResponseType, type RestApi } from 'aws-cdk-lib/aws-apigateway';
import { Construct } from 'constructs';

export interface GatewayResponsesProps {
  readonly api: RestApi;
  /** The origin that clients know. */
  readonly publicUrl: string;
  /** The scope to ask for first. */
  readonly scope: string;
}

/** How soon a client may try again, in seconds: long enough for a burst to pass, short enough for a person to wait. */
const RETRY_AFTER = "'2'";

/** API Gateway's own words for what happened, as a JSON string with its quotes. */
const GATEWAYS_WORDS = '$context.error.messageString';

/**
 * What the gateway itself answers: JSON, readable by browsers, and the challenges. Those must come from here, because
 * API Gateway renames the `WWW-Authenticate` of a function to `x-amzn-Remapped-WWW-Authenticate`.
 */
export class GatewayResponses extends Construct {
  constructor(scope: Construct, id: string, props: GatewayResponsesProps) {
    super(scope, id);
    const metadata = `${props.publicUrl}/.well-known/oauth-protected-resource/mcp`;

    // RFC 9728 §5.1. No `error`: the answer is the same for a token that is missing, and RFC 6750 §3.1 forbids it there.
    this.#respond(props.api, ResponseType.UNAUTHORIZED, {
      status: 401,
      error: 'invalid_token',
      description: 'Sign in to use this server',
      headers: { 'WWW-Authenticate': `'Bearer resource_metadata="${metadata}", scope="${props.scope}"'` },
    });
    // The authorizer wrote the challenge, since only it knows the scope that is missing (RFC 6750 §3.1). A request that
    // went around CloudFront is refused before it is asked, with the same words and no challenge: no client does that.
    this.#respond(props.api, ResponseType.ACCESS_DENIED, {
      status: 403,
      error: 'insufficient_scope',
      description: 'This needs a permission that was not granted',
      headers: { 'WWW-Authenticate': 'context.authorizer.challenge' },
    });
    // API Gateway's name for a path that does not exist.
    this.#respond(props.api, ResponseType.MISSING_AUTHENTICATION_TOKEN, {
      status: 404,
      error: 'not_found',
      description: 'There is nothing at this path',
    });
    this.#respond(props.api, ResponseType.THROTTLED, {
      status: 429,
      error: 'temporarily_unavailable',
      description: 'Too many requests',
      headers: { 'Retry-After': RETRY_AFTER },
    });
    // The issuer's keys could not be had: the token is neither good nor bad, so the client must not sign in anew.
    this.#respond(props.api, ResponseType.AUTHORIZER_FAILURE, {
      status: 503,
      error: 'temporarily_unavailable',
      description: 'The access token cannot be verified at the moment',
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
    answer: { status?: number; error: string; description?: string; headers?: Record<string, string> },
  ): void {
    const description = answer.description === undefined ? GATEWAYS_WORDS : JSON.stringify(answer.description);
    new GatewayResponse(this, type.responseType, {
      restApi,
      type,
      statusCode: answer.status?.toString(),
      responseHeaders: {
        'Access-Control-Allow-Origin': "'*'",
        'Access-Control-Expose-Headers': "'WWW-Authenticate, Mcp-Session-Id'",
        ...answer.headers,
      },
      templates: { 'application/json': `{"error":"${answer.error}","error_description":${description}}` },
    });
  }
}
