import type { Resource, Template } from '../template/template.ts';
import { unsupported } from '../template/unsupported-feature.ts';
import type { Authorizer } from './api-model.ts';
import { executeApiArn } from './execute-api.ts';
import { assertInvokable, functionOfUri } from './function-uri.ts';

/** The authorizers of an API by logical id. */
export function readAuthorizers(template: Template, apiId: string): Map<string, Authorizer> {
  return new Map(
    template.resources('AWS::ApiGateway::Authorizer').map((resource) => {
      const source = `${executeApiArn(template.environment, apiId)}/authorizers/${template.ref(resource.logicalId)}`;
      return [resource.logicalId, readAuthorizer(template, resource, source)];
    }),
  );
}

/** The authorizer of a method; undefined for a method that everyone may call. */
export function authorizerOf(
  template: Template,
  { logicalId, properties, raw }: Resource,
  authorizers: Map<string, Authorizer>,
): Authorizer | undefined {
  const type = properties.AuthorizationType ?? 'NONE';
  if (properties.ApiKeyRequired === true) throw unsupported(logicalId, 'API keys');
  if (properties.RequestValidatorId !== undefined) throw unsupported(logicalId, 'request validators');
  if (type === 'NONE') return undefined;
  if (type !== 'CUSTOM') throw unsupported(logicalId, `the AuthorizationType ${type}`);
  return authorizers.get(template.logicalIdOf(raw.AuthorizerId));
}

function readAuthorizer(template: Template, { logicalId, properties }: Resource, source: string): Authorizer {
  if (properties.Type !== 'REQUEST') throw unsupported(logicalId, `authorizers of type ${properties.Type}`);
  const expressions = String(properties.IdentitySource ?? '')
    .split(',')
    .filter(Boolean);
  const identitySources = expressions.map((expression) => {
    const [, from, name] = /^\s*method\.request\.(header|querystring)\.(\S+)\s*$/.exec(expression) ?? [];
    if (name === undefined) throw unsupported(logicalId, `the identity source ${expression}`);
    return { from: from as 'header' | 'querystring', name };
  });
  const { function: target } = functionOfUri(template, String(properties.AuthorizerUri), logicalId);
  assertInvokable(template, target, source, logicalId);
  return {
    id: logicalId,
    function: target,
    identitySources,
    ttlSeconds: Number(properties.AuthorizerResultTtlInSeconds ?? 300),
  };
}
