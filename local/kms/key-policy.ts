import { account } from '../aws-api/aws-account.ts';
import { type AccessRequest, assertSupported, isAllowed, type Statement } from '../iam/iam-policy.ts';
import { AccessDenied } from '../iam/principals.ts';

const accountRoot = `arn:aws:iam::${account}:root`;

/** The policy of a key whose template has none. */
const delegatingPolicy: Statement[] = [
  { Effect: 'Allow', Principal: { AWS: accountRoot }, Action: 'kms:*', Resource: '*' },
];

/** @throws Error for a statement that denies something to a single principal, which cannot be evaluated here */
export function readKeyPolicy(logicalId: string, properties: Record<string, unknown>): Statement[] {
  const policy = (properties.KeyPolicy as { Statement: Statement[] } | undefined)?.Statement ?? delegatingPolicy;
  for (const statement of policy) {
    assertSupported(statement);
    if (statement.Effect === 'Deny' && !appliesToAccount(statement)) {
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
export function assertDelegated(policy: Statement[], request: AccessRequest): void {
  if (isAllowed(policy.filter(appliesToAccount), request)) return;
  throw new AccessDenied(
    `Not authorized to perform: ${request.action} on resource: ${request.resource} because the key's policy does not ` +
      `delegate the ${request.action} action to the account (${accountRoot})`,
  );
}

/** Whether a statement applies to all principals of the account, the functions included. */
function appliesToAccount({ Principal }: Statement): boolean {
  const principals = typeof Principal === 'object' ? [Principal.AWS ?? []].flat() : [Principal];
  return principals.some((principal) => principal === '*' || principal === accountRoot || principal === account);
}
