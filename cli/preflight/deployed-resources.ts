import {
  type CloudFormationClient,
  CloudFormationServiceException,
  DescribeStacksCommand,
  paginateListStackResources,
  type Stack,
} from '@aws-sdk/client-cloudformation';
import { MARKER_DESCRIPTION } from '../../lib/deployment-marker.ts';

/** The stack of a name in the account. */
export type DeployedStack = {
  /** `undefined` without a stack. */
  status: string | undefined;
  isProtected: boolean;
  /** Whether it has a deployment of Holdfast. */
  isDeployment: boolean;
  /** The physical ids of its resources. */
  resources: ReadonlySet<string>;
};

const NONE: DeployedStack = { status: undefined, isProtected: false, isDeployment: false, resources: new Set() };

export async function readDeployedStack(client: CloudFormationClient, stack: string): Promise<DeployedStack> {
  const described = await describe(client, stack);
  if (described === undefined) return NONE;
  const { StackStatus, EnableTerminationProtection = false, Outputs = [] } = described;
  const resources = new Set<string>();
  for await (const { StackResourceSummaries = [] } of paginateListStackResources({ client }, { StackName: stack })) {
    for (const { PhysicalResourceId: id, ResourceStatus } of StackResourceSummaries) {
      if (id !== undefined && ResourceStatus !== 'DELETE_COMPLETE') resources.add(id);
    }
  }
  return {
    status: StackStatus,
    isProtected: EnableTerminationProtection,
    isDeployment: Outputs.some(({ Description }) => Description === MARKER_DESCRIPTION),
    resources,
  };
}

async function describe(client: CloudFormationClient, StackName: string): Promise<Stack | undefined> {
  try {
    return (await client.send(new DescribeStacksCommand({ StackName }))).Stacks?.[0];
  } catch (error) {
    // CloudFormation has no specific error code for this.
    if (error instanceof CloudFormationServiceException && /does not exist/.test(error.message)) return undefined;
    throw error;
  }
}
