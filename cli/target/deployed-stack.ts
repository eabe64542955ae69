import {
  CloudFormationClient,
  CloudFormationServiceException,
  DescribeStacksCommand,
  GetTemplateCommand,
  paginateListStacks,
  type StackStatus,
} from '@aws-sdk/client-cloudformation';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { UsageError } from '../command-errors.ts';

export type Stack = {
  name: string;
  outputs: Record<string, string>;
  /** As JSON or YAML; absent without the permission to read it. */
  template?: string | undefined;
};

/** Prefix of the stack names of the project: `Holdfast-dev`, `Holdfast-prod` (`bin/holdfast.ts`). */
const STACK_NAME_PREFIX = 'Holdfast-';

/** Statuses of stacks that have resources, after a failed update too. */
const liveStatuses: StackStatus[] = [
  'CREATE_COMPLETE',
  'UPDATE_IN_PROGRESS',
  'UPDATE_COMPLETE',
  'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS',
  'UPDATE_FAILED',
  'UPDATE_ROLLBACK_IN_PROGRESS',
  'UPDATE_ROLLBACK_FAILED',
  'UPDATE_ROLLBACK_COMPLETE',
  'UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS',
  'IMPORT_IN_PROGRESS',
  'IMPORT_COMPLETE',
  'IMPORT_ROLLBACK_IN_PROGRESS',
  'IMPORT_ROLLBACK_FAILED',
  'IMPORT_ROLLBACK_COMPLETE',
];

/**
 * Finds a deployed stack, with the same credentials as the AWS CLI.
 *
 * @param name by default the only stack with the prefix of the project
 * @throws ConfigurationError when it does not exist
 * @throws UsageError when several match
 */
export async function findStack(name: string | undefined, region: string | undefined): Promise<Stack> {
  const client = new CloudFormationClient({ ...(region !== undefined && { region }) });
  try {
    const stackName = name ?? (await onlyStack(client));
    const outputs = await outputsOf(client, stackName);
    return { name: stackName, outputs, template: await templateOf(client, stackName) };
  } finally {
    client.destroy();
  }
}

const regionOf = async (client: CloudFormationClient) => String(await client.config.region());

async function onlyStack(client: CloudFormationClient): Promise<string> {
  const names: string[] = [];
  for await (const { StackSummaries = [] } of paginateListStacks({ client }, { StackStatusFilter: liveStatuses })) {
    names.push(
      ...StackSummaries.map(({ StackName }) => StackName!).filter((each) => each.startsWith(STACK_NAME_PREFIX)),
    );
  }
  const [only, ...others] = names.sort();
  const usedRegion = await regionOf(client);
  if (only === undefined) {
    throw new ConfigurationError(
      `No stack named ${STACK_NAME_PREFIX}… in ${usedRegion}; pass --stack, --region, or --local for the local emulator.`,
    );
  }
  if (others.length > 0) {
    throw new UsageError(`Several stacks match in ${usedRegion}: ${names.join(', ')}. Pass one with --stack.`);
  }
  return only;
}

async function outputsOf(client: CloudFormationClient, StackName: string): Promise<Record<string, string>> {
  const usedRegion = await regionOf(client);
  const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName })).catch((error) => {
    // CloudFormation has no specific error code for this.
    if (error instanceof CloudFormationServiceException && /does not exist/.test(error.message)) {
      throw new ConfigurationError(`No stack ${StackName} in ${usedRegion}; check --stack and --region.`, {
        cause: error,
      });
    }
    throw error;
  });
  const outputs = Object.fromEntries(
    (Stacks[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey!, OutputValue!]),
  );
  if (outputs.TableName === undefined) {
    throw new ConfigurationError(
      `Stack ${StackName} in ${usedRegion} has no output TableName. If it is a Holdfast stack, deploy it again (npx cdk deploy).`,
    );
  }
  return outputs;
}

async function templateOf(client: CloudFormationClient, StackName: string): Promise<string | undefined> {
  try {
    return (await client.send(new GetTemplateCommand({ StackName }))).TemplateBody;
  } catch (error) {
    if (error instanceof CloudFormationServiceException && /^AccessDenied/.test(error.name)) return undefined;
    throw error;
  }
}
