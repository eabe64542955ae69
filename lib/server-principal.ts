import {
  type AddToPrincipalPolicyResult,
  type IRole,
  type PolicyStatement,
  PrincipalBase,
  PrincipalPolicyFragment,
} from 'aws-cdk-lib/aws-iam';
import { DependencyGroup } from 'constructs';

/** The roles of the functions that run the owner's tools: the MCP function and its worker. A grant applies to both. */
export class ServerPrincipal extends PrincipalBase {
  override readonly principalAccount: string | undefined;
  readonly #roles: readonly IRole[];

  constructor(roles: readonly IRole[]) {
    super();
    this.#roles = roles;
    this.principalAccount = roles[0]?.principalAccount;
  }

  /** In the policy of a resource. */
  override get policyFragment(): PrincipalPolicyFragment {
    return new PrincipalPolicyFragment({ AWS: this.#roles.map(({ roleArn }) => roleArn) });
  }

  override addToPrincipalPolicy(statement: PolicyStatement): AddToPrincipalPolicyResult {
    const policies = this.#roles
      .map((role) => role.addToPrincipalPolicy(statement.copy()).policyDependable)
      .filter((policy) => policy !== undefined);
    return { statementAdded: true, policyDependable: new DependencyGroup(...policies) };
  }

  override toString(): string {
    return `ServerPrincipal(${this.#roles.map(({ node }) => node.path).join(', ')})`;
  }

  override dedupeString(): string {
    return this.toString();
  }
}
