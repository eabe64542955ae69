import type { Resource, Template } from '../template/template.ts';
import type { Authorizer, Integration } from './api-model.ts';

export type ResourceMethod = { integration: Integration; authorizer: Authorizer | undefined };

/** A resource of the API with its children. */
export type ResourceNode = {
  resourceId: string;
  path: string;
  literals: Map<string, ResourceNode>;
  parameter?: { name: string; node: ResourceNode };
  /** `{proxy+}`: matches the rest of the path. */
  greedy?: { name: string; node: ResourceNode };
  methods: Map<string, ResourceMethod>;
};

/** The methods that `ANY` covers. */
const httpMethods = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

/** The resources of a REST API by path, without methods. */
export class ResourceTree {
  readonly #template: Template;
  readonly #root: ResourceNode;
  readonly #nodes: Map<string, ResourceNode>;
  readonly #resources: Map<string, Resource>;

  constructor(template: Template, apiLogicalId: string) {
    this.#template = template;
    this.#root = { resourceId: apiLogicalId, path: '/', literals: new Map(), methods: new Map() };
    this.#nodes = new Map([[apiLogicalId, this.#root]]);
    this.#resources = new Map(template.resources('AWS::ApiGateway::Resource').map((each) => [each.logicalId, each]));
    for (const logicalId of this.#resources.keys()) this.node(logicalId);
  }

  /** @throws Error if the resource is not part of the REST API */
  node(logicalId: string): ResourceNode {
    const existing = this.#nodes.get(logicalId);
    if (existing !== undefined) return existing;
    const resource = this.#resources.get(logicalId);
    if (resource === undefined) throw new Error(`${logicalId} is not a resource of the REST API`);
    const parent = this.node(this.#template.logicalIdOf(resource.raw.ParentId));
    const pathPart = String(resource.properties.PathPart);
    const path = `${parent.path === '/' ? '' : parent.path}/${pathPart}`;
    const node: ResourceNode = { resourceId: logicalId, path, literals: new Map(), methods: new Map() };
    const [, name, greedy] = /^\{(.+?)(\+?)\}$/.exec(pathPart) ?? [];
    if (name === undefined) parent.literals.set(pathPart, node);
    else if (greedy) parent.greedy = { name, node };
    else parent.parameter = { name, node };
    this.#nodes.set(logicalId, node);
    return node;
  }

  /** The method that a request matches, its resource, and the parameters of the path. */
  match(
    httpMethod: string,
    path: string,
  ): { node: ResourceNode; parameters: Record<string, string>; method: ResourceMethod } | undefined {
    const matched = matchPath(this.#root, segmentsOf(path));
    if (matched === undefined) return undefined;
    const { methods } = matched.node;
    const method = methods.get(httpMethod) ?? (httpMethods.includes(httpMethod) ? methods.get('ANY') : undefined);
    return method && { ...matched, method };
  }
}

/** API Gateway treats `/mcp/` as `/mcp`. A request target that is not a path, such as `*`, matches no resource. */
function segmentsOf(path: string): string[] {
  if (!path.startsWith('/')) return [path];
  const segments = path.split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  return segments;
}

type Match = { node: ResourceNode; parameters: Record<string, string> };

/** The most specific resource that has methods: a literal segment before a parameter, a parameter before `{proxy+}`. */
function matchPath(node: ResourceNode, segments: string[]): Match | undefined {
  const [segment, ...rest] = segments;
  if (segment === undefined) return node.methods.size > 0 ? { node, parameters: {} } : undefined;
  const literal = node.literals.get(segment);
  return (literal && matchPath(literal, rest)) ?? matchParameter(node, segment, rest) ?? matchGreedy(node, segments);
}

function matchParameter({ parameter }: ResourceNode, segment: string, rest: string[]): Match | undefined {
  if (parameter === undefined || segment === '') return undefined;
  const match = matchPath(parameter.node, rest);
  return match && { ...match, parameters: { [parameter.name]: decoded(segment), ...match.parameters } };
}

function matchGreedy({ greedy }: ResourceNode, segments: string[]): Match | undefined {
  return greedy && { node: greedy.node, parameters: { [greedy.name]: segments.map(decoded).join('/') } };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
