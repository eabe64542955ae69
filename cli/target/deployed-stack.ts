import {
  CloudFormationClient,
  CloudFormationServiceException,
  DescribeStacksCommand,
  paginateDescribeStacks,
  type Stack,
} from '@aws-sdk/client-cloudformation';
import {
  type DeploymentMarker,
  MARKER_DESCRIPTION,
  nameOfDeployment,
  parseMarker,
  selectDeployments,
} from '../../lib/deployment-marker.ts';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { UsageError } from '../command-errors.ts';

/** Statuses of stacks whose resources do not exist yet or anymore. A failed update leaves a stack in use. */
const unusedStatus = /^(CREATE_IN_PROGRESS|CREATE_FAILED|ROLLBACK_|DELETE_|REVIEW_)/;

/**
 * Finds a deployment on AWS by its marker, with the same credentials as the AWS CLI.
 *
 * @param selection the name of its stack, or `stack/construct`. @default the only deployment of the region
 * @throws ConfigurationError when it does not exist
 * @throws UsageError when several match
 */
export async function findDeployment(
  selection: string | undefined,
  region: string | undefined,
): Promise<DeploymentMarker> {
  const client = new CloudFormationClient({ ...(region !== undefined && { region }) });
  try {
    const stacks = selection === undefined ? usedStacks(client) : stackOf(client, selection);
    const deployments = (await stacks).flatMap(deploymentsOf);
    const [only, ...others] = selectDeployments(deployments, selection);
    const usedRegion = await regionOf(client);
    if (only === undefined) throw notFound(selection, usedRegion);
    if (others.length > 0) {
      const options = [only, ...others].map((each) => `  --stack ${nameOfDeployment(each)}`).sort();
      throw new UsageError(`Several deployments in ${usedRegion}; add one of\n${options.join('\n')}`);
    }
    return only.marker;
  } finally {
    client.destroy();
  }
}

const regionOf = async (client: CloudFormationClient) => String(await client.config.region());

async function usedStacks(client: CloudFormationClient): Promise<Stack[]> {
  const found: Stack[] = [];
  for await (const { Stacks = [] } of paginateDescribeStacks({ client }, {})) {
    found.push(...Stacks.filter(({ StackStatus }) => !unusedStatus.test(StackStatus!)));
  }
  return found;
}

async function stackOf(client: CloudFormationClient, selection: string): Promise<Stack[]> {
  // The name of a stack has no slash.
  const [StackName] = selection.split('/');
  try {
    return (await client.send(new DescribeStacksCommand({ StackName }))).Stacks ?? [];
  } catch (error) {
    // CloudFormation has no specific error code for this.
    if (!(error instanceof CloudFormationServiceException && /does not exist/.test(error.message))) throw error;
    const usedRegion = await regionOf(client);
    throw new ConfigurationError(`No stack ${StackName} in ${usedRegion}; check --stack and --region.`, {
      cause: error,
    });
  }
}

function deploymentsOf({ StackName, Outputs = [] }: Stack) {
  return Outputs.filter(({ Description }) => Description === MARKER_DESCRIPTION).map(({ OutputValue }) => {
    const marker = parseMarker(OutputValue!);
    return { stack: StackName!, construct: marker.construct, marker };
  });
}

const notFound = (selection: string | undefined, region: string) =>
  new ConfigurationError(
    selection === undefined
      ? `No deployment of Holdfast in ${region}; pass --stack, --region, or --local for the local emulator.`
      : `${selection} in ${region} is no deployment of this Holdfast; check --stack, or deploy it again (npx cdk deploy).`,
  );
