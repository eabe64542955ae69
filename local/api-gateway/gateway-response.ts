import type { Template } from '../template/template.ts';
import { unsupported } from '../template/unsupported-feature.ts';
import type { CustomResponse, HeaderList } from './api-model.ts';
import { type GatewayError, gatewayResponseTypes } from './gateway-error.ts';
import { withContentType } from './integration-response.ts';

/** The values that mappings can refer to: `$context` without its name, and the request's parameters. */
export type MappingContext = {
  context: Record<string, unknown>;
  header(name: string): string | undefined;
  query(name: string): string | undefined;
};

/** The customized gateway responses of a template. @throws Error naming one with an unsupported mapping */
export function readCustomResponses(template: Template): Map<string, CustomResponse> {
  return new Map(
    template.resources('AWS::ApiGateway::GatewayResponse').map(({ logicalId, properties }) => {
      const parameters = (properties.ResponseParameters ?? {}) as Record<string, string>;
      const headers = Object.entries(parameters).map(([parameter, expression]): [string, string] => {
        const [, name] = /^gatewayresponse\.header\.(.+)$/.exec(parameter) ?? [];
        if (name === undefined || !/^'.*'$|^context\.|^method\.request\.(header|querystring)\./.test(expression)) {
          throw unsupported(logicalId, `the mapping ${parameter} = ${expression}`);
        }
        return [name, expression];
      });
      const [contentType, body] =
        Object.entries((properties.ResponseTemplates ?? {}) as Record<string, string>)[0] ?? [];
      if (body !== undefined && /\$(?!context\.)[a-zA-Z]/.test(body)) {
        throw unsupported(logicalId, 'references other than $context in the template of a gateway response');
      }
      const custom: CustomResponse = {
        status: properties.StatusCode === undefined ? undefined : Number(properties.StatusCode),
        headers,
        template: contentType === undefined || body === undefined ? undefined : { contentType, body },
      };
      return [String(properties.ResponseType), custom];
    }),
  );
}

const defaultTemplate = { contentType: 'application/json', body: '{"message":$context.error.messageString}' };

/**
 * The gateway response for an error. A type that is not customized inherits from DEFAULT_4XX or DEFAULT_5XX.
 * REQUEST_TOO_LARGE is an exception: API Gateway does not allow its customization ("important notes").
 */
export function renderGatewayResponse(
  error: GatewayError,
  responses: Map<string, CustomResponse>,
  mapping: MappingContext,
): { status: number; headers: HeaderList; body: string } {
  const { status, message } = gatewayResponseTypes[error.type];
  const fallback = status < 500 ? 'DEFAULT_4XX' : 'DEFAULT_5XX';
  const custom =
    error.type === 'REQUEST_TOO_LARGE' ? undefined : (responses.get(error.type) ?? responses.get(fallback));
  const context = {
    ...mapping.context,
    authorizer: error.authorizer,
    error: { message: message ?? '', messageString: JSON.stringify(message), responseType: error.type },
  };
  const headers = (custom?.headers ?? []).flatMap(([name, expression]): HeaderList => {
    const value = evaluateMapping(expression, { ...mapping, context });
    return value === undefined ? [] : [[name, value]];
  });
  const { contentType, body } = custom?.template ?? defaultTemplate;
  return {
    status: custom?.status ?? status,
    headers: withContentType(headers, contentType),
    body: body.replace(/\$context\.([\w-]+(?:\.[\w-]+)*)/g, (_, path: string) => valueAt(context, path) ?? ''),
  };
}

function evaluateMapping(expression: string, { context, header, query }: MappingContext): string | undefined {
  if (expression.startsWith("'")) return expression.slice(1, -1);
  if (expression.startsWith('context.')) return valueAt(context, expression.slice('context.'.length));
  const [, from, name = ''] = /^method\.request\.(header|querystring)\.(.+)$/.exec(expression) ?? [];
  return from === 'header' ? header(name) : query(name);
}

function valueAt(container: Record<string, unknown>, path: string): string | undefined {
  const value = path
    .split('.')
    .reduce<unknown>((each, key) => (each as Record<string, unknown> | undefined)?.[key], container);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}
