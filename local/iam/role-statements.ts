import { refTarget } from '../template/intrinsic-functions.ts';
import type { Resource, Template } from '../template/template.ts';
import { unsupported } from '../template/unsupported-feature.ts';
import type { Statement } from './iam-policy.ts';

type Policy = { PolicyDocument: { Statement: Statement | Statement[] } };

/**
 * The statements of a role: its inline policies, and the policies of the template that are attached to it.
 *
 * @throws Error for a policy whose document is not in the template (one that AWS manages) and for a permissions
 * boundary: ignoring them would deny, or allow, what AWS does not
 */
export function roleStatements(template: Template, roleLogicalId: string): Statement[] {
  const role = template.resource(roleLogicalId);
  if (role.properties.PermissionsBoundary !== undefined) {
    throw unsupported(roleLogicalId, 'permissions boundaries');
  }
  const inline = (role.properties.Policies ?? []) as Policy[];
  const attached = attachedPolicies(template, role).map(({ properties }) => properties as Policy);
  return [...inline, ...attached].flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
}

function attachedPolicies(template: Template, { logicalId, raw }: Resource): Resource[] {
  const managed = new Set(
    ((raw.ManagedPolicyArns ?? []) as unknown[]).map((reference) => managedPolicy(template, reference, logicalId)),
  );
  const namesRole = ({ Roles = [] }: { Roles?: unknown[] }) => Roles.some((each) => refTarget(each) === logicalId);
  return ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']
    .flatMap((type) => template.declarations(type))
    .filter((policy) => managed.has(policy.logicalId) || namesRole(policy.raw))
    .map((policy) => template.resource(policy.logicalId));
}

function managedPolicy(template: Template, reference: unknown, roleLogicalId: string): string {
  if (refTarget(reference) !== undefined) return template.logicalIdOf(reference);
  const arn = template.resolve(reference, roleLogicalId);
  throw new Error(`${roleLogicalId}: the template does not contain the policy ${arn}; grant the actions themselves`);
}
