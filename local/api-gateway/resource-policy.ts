import { isAllowed, type Request, type Statement } from '../iam/iam-policy.ts';
import type { Resource, Template } from '../template/template.ts';

/** What a policy may ask about. */
const knownOperators = ['StringEquals', 'StringNotEquals'];
const knownKey = 'aws:referer';

/**
 * The statements of a REST API's resource policy; none when it has no policy, or an empty one.
 *
 * @param arn of the API without stage and path, which a policy calls `execute-api:`
 * @throws Error for what is not evaluated locally: other conditions than on `aws:Referer`, and statements about somebody
 */
export function readPolicy({ logicalId, properties }: Resource, arn: string): Statement[] {
  const { Policy: policy } = properties as { Policy?: { Statement: unknown } | string };
  if (policy === undefined) return [];
  if (typeof policy === 'string') throw new Error(`${logicalId}: a policy that is a text is not run locally`);
  return [policy.Statement].flat().map((statement) => {
    const { Sid, Effect, Principal, Action, Resource, Condition = {}, ...others } = statement as Statement;
    const everybody = Principal === '*' || (Principal?.AWS === '*' && Object.keys(Principal).length === 1);
    const conditions = Object.entries(Condition).flatMap(([operator, keys]) =>
      Object.keys(keys).map((key) => [operator, key.toLowerCase()] as const),
    );
    const known = conditions.every(([operator, key]) => knownOperators.includes(operator) && key === knownKey);
    if (!everybody || !known || Object.keys(others).length > 0) {
      throw new Error(`${logicalId}: its policy has a statement that is not run locally: ${JSON.stringify(statement)}`);
    }
    const resources = [Resource ?? []].flat().map((each) => each.replace(/^execute-api:/, arn));
    return { Effect, Action, Resource: resources, Condition };
  });
}

/**
 * Whether a request gets as far as the method's authorizer or, without one, its integration. Where an authorizer follows,
 * nobody is stopped whom the policy does not deny (developer guide, "How API Gateway resource policies affect
 * authorization workflow").
 */
export function admits(policy: Statement[], request: Request, hasAuthorizer: boolean): boolean {
  if (policy.length === 0) return true;
  return isAllowed(hasAuthorizer ? [anything, ...policy] : policy, request);
}

const anything: Statement = { Effect: 'Allow', Action: '*', Resource: '*' };

/** The headers that CloudFront adds to what it sends to the host, in place of the client's own of the same name. */
export function originHeaders(template: Template, host: string): [name: string, value: string][] {
  type Origin = { DomainName: string; OriginCustomHeaders?: { HeaderName: string; HeaderValue: string }[] };
  return template
    .resources('AWS::CloudFront::Distribution')
    .flatMap(({ properties }) => (properties.DistributionConfig as { Origins?: Origin[] } | undefined)?.Origins ?? [])
    .filter(({ DomainName }) => DomainName.toLowerCase() === host)
    .flatMap(({ OriginCustomHeaders = [] }) => OriginCustomHeaders)
    .map(({ HeaderName, HeaderValue }) => [HeaderName, HeaderValue]);
}
