import type { Template } from '../template/template.ts';
import type { Api } from './api-model.ts';
import { executeApiArn, executeApiHost } from './execute-api.ts';
import { readCustomResponses } from './gateway-response.ts';
import { authorizerOf, readAuthorizers } from './method-authorization.ts';
import { readIntegration } from './method-integration.ts';
import { readLimits } from './request-throttle.ts';
import { readResourcePolicy } from './resource-policy.ts';
import { ResourceTree } from './resource-tree.ts';

/**
 * The REST API of a template, as API Gateway deploys it.
 *
 * @throws Error naming the resource that is not supported, or that AWS would reject or answer with 500 at every request:
 * a missing permission, a streaming integration with the URI of a buffered one
 */
export function readApi(template: Template): Api {
  const [api, ...otherApis] = template.resources('AWS::ApiGateway::RestApi');
  const [stage, ...otherStages] = template.resources('AWS::ApiGateway::Stage');
  if (api === undefined || otherApis.length > 0 || stage === undefined || otherStages.length > 0) {
    throw new Error('The local emulator supports templates with one REST API and one stage');
  }
  const { environment } = template;
  const id = template.ref(api.logicalId);
  const stageName = String(stage.properties.StageName);
  const tree = new ResourceTree(template, api.logicalId);
  const authorizers = readAuthorizers(template, id);
  for (const method of template.resources('AWS::ApiGateway::Method')) {
    const node = tree.node(template.logicalIdOf(method.raw.ResourceId));
    const httpMethod = String(method.properties.HttpMethod);
    const source = `${executeApiArn(environment, id)}/${stageName}/${httpMethod}${node.path}`;
    const integration = readIntegration(template, method, source);
    node.methods.set(httpMethod, { integration, authorizer: authorizerOf(template, method, authorizers) });
  }
  const limitOf = readLimits(stage);
  const [customDomain] = template.resources('AWS::ApiGateway::DomainName');

  return {
    environment,
    id,
    host: customDomain === undefined ? executeApiHost(environment, id) : String(customDomain.properties.DomainName),
    stage: stageName,
    binaryMediaTypes: (api.properties.BinaryMediaTypes as string[] | undefined) ?? [],
    responses: readCustomResponses(template),
    policy: readResourcePolicy(api, executeApiArn(environment, id)),
    route(httpMethod, path) {
      const match = tree.match(httpMethod, path);
      if (match === undefined) return undefined;
      const { resourceId, path: resourcePath } = match.node;
      const limit = limitOf(resourcePath, httpMethod);
      return { resourceId, resourcePath, parameters: match.parameters, ...match.method, limit };
    },
  };
}
