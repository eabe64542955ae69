import { matchesPattern, type Statement } from '../iam/iam-policy.ts';
import type { Resource, Template } from '../template/template.ts';
import { assertStatic, type CustomResponse, customResponses } from './gateway-error.ts';
import { executeApiHost } from './proxy-event.ts';
import { originHeaders, readPolicy } from './resource-policy.ts';

/** How a method is answered. */
export type Integration =
  | { type: 'AWS_PROXY'; function: string; stream: boolean; timeoutMilliseconds: number }
  | { type: 'MOCK'; status: number; headers: [string, string][]; body: string };

export type Authorizer = {
  function: string;
  /** What identifies a caller; each must be present, and together they are the cache's key. */
  identitySources: { from: 'header' | 'querystring'; name: string }[];
  ttlSeconds: number;
};

export type Limit = { ratePerSecond: number; burst: number };

export type Route = {
  resourceId: string;
  /** With its parameters unfilled, such as `/users/{id}`. */
  resourcePath: string;
  parameters: Record<string, string>;
  integration: Integration;
  authorizer: Authorizer | undefined;
  /** Shared by everything that the same setting of the stage covers. */
  limit: Limit | undefined;
};

export type Api = {
  id: string;
  stage: string;
  binaryMediaTypes: string[];
  responses: Map<string, CustomResponse>;
  /** Of the API itself. Empty: everybody may call it. */
  policy: Statement[];
  /** What CloudFront, played here too, adds to each request. */
  originHeaders: [name: string, value: string][];
  /** @param path of the request, below the stage @returns undefined when the API has no such method there */
  route(method: string, path: string): Route | undefined;
};

const verbs = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

type Node = {
  resourceId: string;
  path: string;
  literals: Map<string, Node>;
  parameter?: { name: string; node: Node };
  /** `{proxy+}`: takes the rest of the path. */
  rest?: { name: string; node: Node };
  methods: Map<string, { integration: Integration; authorizer: Authorizer | undefined }>;
};

/**
 * The one REST API of a template, as API Gateway would deploy it.
 *
 * @throws Error naming the resource that asks for something which is not run locally, or which AWS would refuse or
 * answer with 500 at every request: a missing permission, a streaming integration with the URI of a buffered one
 */
export function readApi(template: Template): Api {
  const [api, ...others] = template.resources('AWS::ApiGateway::RestApi');
  const [stage, ...otherStages] = template.resources('AWS::ApiGateway::Stage');
  if (api === undefined || others.length > 0 || stage === undefined || otherStages.length > 0) {
    throw new Error('The local gateway runs a template with one REST API and one stage');
  }
  const id = String(template.resolve({ Ref: api.logicalId }));
  const stageName = String(stage.properties.StageName);
  const arn = `arn:aws:execute-api:us-east-1:000000000000:${id}`;
  const root = readTree(template, api);
  const limitOf = readLimits(stage);

  const authorizers = new Map(
    template.resources('AWS::ApiGateway::Authorizer').map((resource) => {
      const source = `${arn}/authorizers/${template.resolve({ Ref: resource.logicalId })}`;
      return [resource.logicalId, readAuthorizer(template, resource, source)];
    }),
  );
  for (const method of template.resources('AWS::ApiGateway::Method')) {
    const node = find(root, template.logicalIdOf(method.raw.ResourceId));
    const verb = String(method.properties.HttpMethod);
    const integration = readIntegration(template, method, `${arn}/${stageName}/${verb}${node.path}`);
    const authorizer = readAuthorization(template, method, authorizers);
    node.methods.set(verb, { integration, authorizer });
  }

  return {
    id,
    stage: stageName,
    binaryMediaTypes: (api.properties.BinaryMediaTypes as string[] | undefined) ?? [],
    responses: customResponses(template),
    policy: readPolicy(api, arn),
    originHeaders: originHeaders(template, executeApiHost(id)),
    route(verb, path) {
      const match = matchPath(root, segmentsOf(path));
      const method =
        match?.node.methods.get(verb) ?? (verbs.includes(verb) ? match?.node.methods.get('ANY') : undefined);
      if (match === undefined || method === undefined) return undefined;
      const { node, parameters } = match;
      const { resourceId, path: resourcePath } = node;
      return { resourceId, resourcePath, parameters, ...method, limit: limitOf(resourcePath, verb) };
    },
  };
}

function readTree(template: Template, api: Resource): Node {
  const root: Node = { resourceId: api.logicalId, path: '/', literals: new Map(), methods: new Map() };
  const nodes = new Map([[api.logicalId, root]]);
  const declared = new Map(template.resources('AWS::ApiGateway::Resource').map((each) => [each.logicalId, each]));

  const nodeOf = (logicalId: string): Node => {
    const known = nodes.get(logicalId);
    if (known !== undefined) return known;
    const resource = declared.get(logicalId);
    if (resource === undefined) throw new Error(`${logicalId} is no resource of the REST API`);
    const parent = nodeOf(template.logicalIdOf(resource.raw.ParentId));
    const part = String(resource.properties.PathPart);
    const node: Node = {
      resourceId: logicalId,
      path: `${parent.path === '/' ? '' : parent.path}/${part}`,
      literals: new Map(),
      methods: new Map(),
    };
    const [, name, rest] = /^\{(.+?)(\+?)\}$/.exec(part) ?? [];
    if (name === undefined) parent.literals.set(part, node);
    else if (rest) parent.rest = { name, node };
    else parent.parameter = { name, node };
    nodes.set(logicalId, node);
    return node;
  };
  for (const logicalId of declared.keys()) nodeOf(logicalId);
  return root;
}

function find(node: Node, resourceId: string): Node {
  const search = (each: Node): Node | undefined => {
    if (each.resourceId === resourceId) return each;
    const below = [...each.literals.values(), each.parameter?.node, each.rest?.node];
    return below.reduce<Node | undefined>((found, next) => found ?? (next && search(next)), undefined);
  };
  const found = search(node);
  if (found === undefined) throw new Error(`${resourceId} is no resource of the REST API`);
  return found;
}

/** API Gateway takes `/mcp/` for `/mcp`. A request target that is no path, such as `*`, is one that nothing is at. */
function segmentsOf(path: string): string[] {
  if (!path.startsWith('/')) return [path];
  const segments = path.split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  return segments;
}

/** The most specific resource that has methods: a literal segment before a parameter, a parameter before `{proxy+}`. */
function matchPath(node: Node, segments: string[]): { node: Node; parameters: Record<string, string> } | undefined {
  const [segment, ...below] = segments;
  if (segment === undefined) return node.methods.size > 0 ? { node, parameters: {} } : undefined;
  const literal = node.literals.get(segment);
  const matched = literal && matchPath(literal, below);
  if (matched !== undefined) return matched;
  if (node.parameter !== undefined && segment !== '') {
    const { name, node: next } = node.parameter;
    const found = matchPath(next, below);
    if (found !== undefined) return { ...found, parameters: { [name]: decoded(segment), ...found.parameters } };
  }
  if (node.rest === undefined) return undefined;
  return { node: node.rest.node, parameters: { [node.rest.name]: segments.map(decoded).join('/') } };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function readAuthorization(
  template: Template,
  { logicalId, properties, raw }: Resource,
  authorizers: Map<string, Authorizer>,
): Authorizer | undefined {
  const type = properties.AuthorizationType ?? 'NONE';
  if (properties.ApiKeyRequired === true) throw new Error(`${logicalId}: API keys are not run locally`);
  if (properties.RequestValidatorId !== undefined) throw new Error(`${logicalId}: validators are not run locally`);
  if (type === 'NONE') return undefined;
  if (type !== 'CUSTOM') throw new Error(`${logicalId}: AuthorizationType ${type} is not run locally`);
  return authorizers.get(template.logicalIdOf(raw.AuthorizerId));
}

function readAuthorizer(template: Template, { logicalId, properties }: Resource, source: string): Authorizer {
  if (properties.Type !== 'REQUEST')
    throw new Error(`${logicalId}: an authorizer of type ${properties.Type} is not run locally`);
  const expressions = String(properties.IdentitySource ?? '')
    .split(',')
    .filter(Boolean);
  const identitySources = expressions.map((expression) => {
    const [, from, name] = /^\s*method\.request\.(header|querystring)\.(\S+)\s*$/.exec(expression) ?? [];
    if (name === undefined) throw new Error(`${logicalId}: the identity source ${expression} is not run locally`);
    return { from: from as 'header' | 'querystring', name };
  });
  const { logicalId: target } = functionOf(template, String(properties.AuthorizerUri), logicalId);
  assertInvokable(template, target, source, logicalId);
  return { function: target, identitySources, ttlSeconds: Number(properties.AuthorizerResultTtlInSeconds ?? 300) };
}

function readIntegration(template: Template, { logicalId, properties }: Resource, source: string): Integration {
  const integration = properties.Integration as Record<string, unknown>;
  if (integration.Type === 'MOCK') return readMock(logicalId, integration, properties);
  if (integration.Type !== 'AWS_PROXY')
    throw new Error(`${logicalId}: ${integration.Type} integrations are not run locally`);
  const { logicalId: target, streams } = functionOf(template, String(integration.Uri), logicalId);
  const stream = integration.ResponseTransferMode === 'STREAM';
  if (stream !== streams) {
    throw new Error(`${logicalId}: its transfer mode and its URI disagree about streaming: ${integration.Uri}`);
  }
  if (integration.Credentials === undefined) assertInvokable(template, target, source, logicalId);
  return {
    type: 'AWS_PROXY',
    function: target,
    stream,
    timeoutMilliseconds: Number(integration.TimeoutInMillis ?? 29_000),
  };
}

/** The function that a URI of API Gateway's invokes, and which of Lambda's two ways to invoke it names. */
function functionOf(template: Template, uri: string, where: string): { logicalId: string; streams: boolean } {
  const [, version, arn = '', action] = /:lambda:path\/([\d-]+)\/functions\/(.+)\/([\w-]+)$/.exec(uri) ?? [];
  const target = template.resources('AWS::Lambda::Function').find(({ logicalId }) => {
    const known = String(template.resolve({ 'Fn::GetAtt': [logicalId, 'Arn'] }));
    return arn === known || arn.startsWith(`${known}:`);
  });
  if (target === undefined) throw new Error(`${where}: no function of the template is behind ${uri}`);
  return {
    logicalId: target.logicalId,
    streams: `${version}/${action}` === '2021-11-15/response-streaming-invocations',
  };
}

/** Without an AWS::Lambda::Permission API Gateway answers every request with 500, and no validator sees it coming. */
function assertInvokable(template: Template, target: string, source: string, where: string): void {
  const arn = String(template.resolve({ 'Fn::GetAtt': [target, 'Arn'] }));
  const name = String(template.resolve({ Ref: target }));
  const permitted = template.resources('AWS::Lambda::Permission').some(({ properties }) => {
    const functionName = String(properties.FunctionName);
    return (
      (functionName === name || functionName === arn || functionName.startsWith(`${arn}:`)) &&
      properties.Action === 'lambda:InvokeFunction' &&
      properties.Principal === 'apigateway.amazonaws.com' &&
      matchesPattern(source, String(properties.SourceArn ?? '*'))
    );
  });
  if (!permitted)
    throw new Error(`${where}: no AWS::Lambda::Permission lets API Gateway invoke ${target} as ${source}`);
}

type IntegrationResponse = {
  StatusCode: string;
  SelectionPattern?: string;
  ResponseParameters?: Record<string, string>;
  ResponseTemplates?: Record<string, string>;
};

function readMock(
  logicalId: string,
  integration: Record<string, unknown>,
  properties: Record<string, unknown>,
): Integration {
  const { 'application/json': request = '' } = (integration.RequestTemplates ?? {}) as Record<string, string>;
  assertStatic(logicalId, request);
  const [, pretended] = /statusCode["']?\s*:\s*["']?(\d{3})/.exec(request) ?? [];
  if (pretended === undefined) throw new Error(`${logicalId}: its request template sets no statusCode`);

  const responses = (integration.IntegrationResponses ?? []) as IntegrationResponse[];
  const matching = ({ SelectionPattern: pattern }: IntegrationResponse) =>
    pattern && new RegExp(`^(?:${pattern})$`).test(pretended);
  const chosen = responses.find(matching) ?? responses.find(({ SelectionPattern }) => !SelectionPattern);
  if (chosen === undefined) throw new Error(`${logicalId}: no integration response is for status ${pretended}`);

  const declared = ((properties.MethodResponses ?? []) as IntegrationResponse[]).find(
    ({ StatusCode }) => StatusCode === chosen.StatusCode,
  );
  if (declared === undefined) throw new Error(`${logicalId}: no method response is for status ${chosen.StatusCode}`);
  const headers = Object.entries(chosen.ResponseParameters ?? {}).map(([parameter, expression]): [string, string] => {
    const [, name] = /^method\.response\.header\.(.+)$/.exec(parameter) ?? [];
    const [, value] = /^'(.*)'$/.exec(expression) ?? [];
    if (name === undefined || value === undefined || declared.ResponseParameters?.[parameter] === undefined) {
      throw new Error(
        `${logicalId}: ${parameter} = ${expression} is not static, or not declared by the method response`,
      );
    }
    return [name, value];
  });
  const { 'application/json': body = '' } = chosen.ResponseTemplates ?? {};
  assertStatic(logicalId, body);
  return { type: 'MOCK', status: Number(chosen.StatusCode), headers, body };
}

type MethodSetting = {
  HttpMethod?: string;
  ResourcePath?: string;
  ThrottlingRateLimit?: number;
  ThrottlingBurstLimit?: number;
};

/** The setting for the verb that is called at this very path, else the one for the whole stage. */
function readLimits(stage: Resource): (resourcePath: string, verb: string) => Limit | undefined {
  const limits = new Map<string, Limit>();
  for (const setting of (stage.properties.MethodSettings ?? []) as MethodSetting[]) {
    const { ThrottlingRateLimit: ratePerSecond, ThrottlingBurstLimit: burst } = setting;
    if (ratePerSecond === undefined || burst === undefined) continue;
    // The path is written as in a JSON pointer, `/~1token` for /token, and `/*` for any.
    const path = String(setting.ResourcePath).slice(1).replaceAll('~1', '/');
    limits.set(`${setting.HttpMethod} ${path}`, { ratePerSecond, burst });
  }
  return (resourcePath, verb) => limits.get(`${verb} ${resourcePath}`) ?? limits.get('* *');
}
