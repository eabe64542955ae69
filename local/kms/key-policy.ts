import type { AwsEnvironment } from '../aws-api/aws-environment.ts';
import { type AccessRequest, assertSupported, isAllowed, type Statement } from '../iam/iam-policy.ts';
import { AccessDenied } from '../iam/principals.ts';

const accountRoot = (environment: AwsEnvironment) => environment.globalArn('iam', 'root');

/** The policy of a key whose template has none. */
const delegatingPolicy = (environment: AwsEnvironment): Statement[] => [
  { Effect: 'Allow', Principal: { AWS: accountRoot(environment) }, Action: 'kms:*', Resource: '*' },
];

/** @throws Error for a statement that denies something to a single principal, which cannot be evaluated here */
export function readKeyPolicy(
  logicalId: string,
  properties: Record<string, unknown>,
  environment: AwsEnvironment,
): Statement[] {
  const policy =
    (properties.KeyPolicy as { Statement: Statement[] } | undefined)?.Statement ?? delegatingPolicy(environment);
  for (const statement of policy) {
    assertSupported(statement);
    if (statement.Effect === 'Deny' && !appliesToAccount(statement, environment)) {
      throw new Error(
        `${logicalId}: its key policy denies something to a single principal: not supported by the local emulator`,
      );
    }
  }
  return policy;
}

/**
 * Checks that the key policy delegates the action to the account. A statement that allows something to a single role has
 * no effect.
 *
 * @throws AccessDenied
 */
export function assertDelegated(policy: Statement[], request: AccessRequest, environment: AwsEnvironment): void {
  const delegating = policy.filter((statement) => appliesToAccount(statement, environment));
  if (isAllowed(delegating, request)) return;
  throw new AccessDenied(
    `Not authorized to perform: ${request.action} on resource: ${request.resource} because the key's policy does not ` +
      `delegate the ${request.action} action to the account (${accountRoot(environment)})`,
  );
}

/** Whether a statement applies to all principals of the account, the functions included. */
function appliesToAccount({ Principal }: Statement, environment: AwsEnvironment): boolean {
  const principals = typeof Principal === 'object' ? [Principal.AWS ?? []].flat() : [Principal];
  const account = ['*', accountRoot(environment), environment.account];
  return principals.some((principal) => account.includes(String(principal)));
}
