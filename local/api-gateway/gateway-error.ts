import type { Template } from '../template/template.ts';
import { withContentType } from './integration-response.ts';

/** What API Gateway answers of its own accord (its developer guide, "Gateway response types"). */
const defaults = {
  ACCESS_DENIED: { status: 403, message: 'User is not authorized to access this resource' },
  API_CONFIGURATION_ERROR: { status: 500, message: 'Internal server error' },
  AUTHORIZER_CONFIGURATION_ERROR: { status: 500, message: null },
  AUTHORIZER_FAILURE: { status: 500, message: null },
  DEFAULT_4XX: { status: 400, message: 'Bad Request' },
  /** Also what a function that fails or answers nonsense becomes, with this status. */
  DEFAULT_5XX: { status: 502, message: 'Internal server error' },
  INTEGRATION_TIMEOUT: { status: 504, message: 'Endpoint request timed out' },
  MISSING_AUTHENTICATION_TOKEN: { status: 403, message: 'Missing Authentication Token' },
  REQUEST_TOO_LARGE: { status: 413, message: 'Request Too Long' },
  THROTTLED: { status: 429, message: 'Too Many Requests' },
  UNAUTHORIZED: { status: 401, message: 'Unauthorized' },
};

export type ResponseType = keyof typeof defaults;

/** A request that the gateway answers itself. */
export class GatewayError extends Error {
  readonly type: ResponseType;
  /** What the authorizer said about the caller, for the mappings of the response. */
  readonly authorizer: Record<string, string>;

  /** @param cause for the owner's log; the client never sees it */
  constructor(type: ResponseType, cause?: unknown, authorizer: Record<string, string> = {}) {
    super(cause === undefined ? type : `${type}: ${cause instanceof Error ? cause.message : cause}`);
    this.type = type;
    this.authorizer = authorizer;
  }
}

/** An AWS::ApiGateway::GatewayResponse. */
export type CustomResponse = {
  status?: number;
  headers: [string, string][];
  template?: { contentType: string; text: string };
};

/** What mappings can refer to: `$context` without its name, and the request's own values. */
export type MappingContext = {
  context: Record<string, unknown>;
  header(name: string): string | undefined;
  query(name: string): string | undefined;
};

/** @throws Error naming the gateway response with a mapping that is not run locally */
export function customResponses(template: Template): Map<string, CustomResponse> {
  return new Map(
    template.resources('AWS::ApiGateway::GatewayResponse').map(({ logicalId, properties }) => {
      const parameters = (properties.ResponseParameters ?? {}) as Record<string, string>;
      const headers = Object.entries(parameters).map(([parameter, expression]): [string, string] => {
        const [, name] = /^gatewayresponse\.header\.(.+)$/.exec(parameter) ?? [];
        if (name === undefined || !/^'.*'$|^context\.|^method\.request\.(header|querystring)\./.test(expression)) {
          throw new Error(`${logicalId}: the mapping ${parameter} = ${expression} is not run locally`);
        }
        return [name, expression];
      });
      const [text] = Object.entries((properties.ResponseTemplates ?? {}) as Record<string, string>);
      const custom: CustomResponse = {
        status: properties.StatusCode === undefined ? undefined : Number(properties.StatusCode),
        headers,
        template: text && { contentType: text[0], text: text[1] },
      };
      if (text && /\$(?!context\.)[a-zA-Z]/.test(text[1])) {
        throw new Error(`${logicalId}: its template may use $context and nothing else when run locally`);
      }
      return [String(properties.ResponseType), custom];
    }),
  );
}

/**
 * The status, headers and body that a client gets for a refusal. A type that is not customised takes after DEFAULT_4XX
 * or DEFAULT_5XX. Not so REQUEST_TOO_LARGE, which API Gateway does not let anybody customise ("important notes").
 */
export function gatewayResponse(
  error: GatewayError,
  responses: Map<string, CustomResponse>,
  { context, header, query }: MappingContext,
): { status: number; headers: [string, string][]; body: string } {
  const { status, message } = defaults[error.type];
  const fallback = status < 500 ? 'DEFAULT_4XX' : 'DEFAULT_5XX';
  const custom =
    error.type === 'REQUEST_TOO_LARGE' ? undefined : (responses.get(error.type) ?? responses.get(fallback));

  const mapped = {
    ...context,
    authorizer: error.authorizer,
    error: { message: message ?? '', messageString: JSON.stringify(message), responseType: error.type },
  };
  const headers = (custom?.headers ?? []).map(([name, expression]): [string, string | undefined] => {
    if (expression.startsWith("'")) return [name, expression.slice(1, -1)];
    if (expression.startsWith('context.')) return [name, at(mapped, expression.slice('context.'.length))];
    const [, from, key = ''] = /^method\.request\.(header|querystring)\.(.+)$/.exec(expression) ?? [];
    return [name, from === 'header' ? header(key) : query(key)];
  });
  const { contentType, text } = custom?.template ?? {
    contentType: 'application/json',
    text: '{"message":$context.error.messageString}',
  };
  return {
    status: custom?.status ?? status,
    headers: withContentType(
      headers.filter((entry): entry is [string, string] => entry[1] !== undefined),
      contentType,
    ),
    body: text.replace(/\$context\.([\w-]+(?:\.[\w-]+)*)/g, (_, path: string) => at(mapped, path) ?? ''),
  };
}

/** @throws Error if the text is more than a text to API Gateway, which reads it as a Velocity template */
export function assertStatic(logicalId: string, template: string): void {
  if (/\$[!{\w]|#[#*{\w]/.test(template)) {
    throw new Error(`${logicalId}: only templates without $references and #directives are run locally`);
  }
}

function at(container: Record<string, unknown>, path: string): string | undefined {
  const value = path
    .split('.')
    .reduce<unknown>((each, key) => (each as Record<string, unknown> | undefined)?.[key], container);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}
