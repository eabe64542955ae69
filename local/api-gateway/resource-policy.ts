import { type AccessRequest, isAllowed, type Statement } from '../iam/iam-policy.ts';
import type { Resource } from '../template/template.ts';
import { unsupported } from '../template/unsupported-feature.ts';

/** The conditions that the emulator evaluates in a resource policy. */
const supportedOperators = ['StringEquals', 'StringNotEquals'];
const supportedKey = 'aws:referer';

/**
 * The statements of a REST API's resource policy; empty without a policy.
 *
 * @param arn of the API without stage and path, which a policy abbreviates as `execute-api:`
 * @throws Error for conditions other than on `aws:Referer`, and for statements about single principals
 */
export function readResourcePolicy({ logicalId, properties }: Resource, arn: string): Statement[] {
  const { Policy: policy } = properties as { Policy?: { Statement: unknown } | string };
  if (policy === undefined) return [];
  if (typeof policy === 'string') throw unsupported(logicalId, 'a policy that is a string');
  return [policy.Statement].flat().map((statement) => {
    const { Sid, Effect, Principal, Action, Resource, Condition = {}, ...others } = statement as Statement;
    const isAboutEveryone = Principal === '*' || (Principal?.AWS === '*' && Object.keys(Principal).length === 1);
    if (!isAboutEveryone || !hasSupportedConditions(Condition) || Object.keys(others).length > 0) {
      throw unsupported(logicalId, `the policy statement ${JSON.stringify(statement)}`);
    }
    const resources = [Resource ?? []].flat().map((each) => each.replace(/^execute-api:/, arn));
    return { Effect, Action, Resource: resources, Condition };
  });
}

function hasSupportedConditions(condition: NonNullable<Statement['Condition']>): boolean {
  return Object.entries(condition).every(
    ([operator, keys]) =>
      supportedOperators.includes(operator) && Object.keys(keys).every((key) => key.toLowerCase() === supportedKey),
  );
}

/**
 * Whether a request reaches the method's authorizer or, without one, its integration. If an authorizer follows, the policy
 * rejects only the requests that it denies (developer guide, "How API Gateway resource policies affect authorization
 * workflow").
 */
export function policyAdmits(policy: Statement[], request: AccessRequest, hasAuthorizer: boolean): boolean {
  if (policy.length === 0) return true;
  return isAllowed(hasAuthorizer ? [allowAll, ...policy] : policy, request);
}

const allowAll: Statement = { Effect: 'Allow', Action: '*', Resource: '*' };
