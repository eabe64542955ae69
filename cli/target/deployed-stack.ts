import {
  CloudFormationClient,
  CloudFormationServiceException,
  DescribeStacksCommand,
  GetTemplateCommand,
  paginateListStacks,
  type StackStatus,
} from '@aws-sdk/client-cloudformation';
import { ConfigurationError } from '../../lib/settings/configuration-error.ts';
import { UsageError } from '../usage-error.ts';

export type Stack = {
  name: string;
  /** Absent when the region is left to the AWS configuration. */
  region?: string | undefined;
  outputs: Record<string, string>;
  /** The text of its template; absent when the credentials do not allow it. */
  template?: string | undefined;
};

/** How the stacks of the project are called: `Holdfast-dev`, `Holdfast-prod` (`bin/holdfast.ts`). */
const NAMES_BEGIN = 'Holdfast-';

/** Stacks that have something in them, whatever became of their last update. */
const live: StackStatus[] = [
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
 * A deployment, with the credentials that the AWS CLI finds.
 *
 * @param name by default the only stack that is called as this project calls them
 * @throws Mistake when there is none, Misuse when there are several
 */
export async function findStack(name: string | undefined, region: string | undefined): Promise<Stack> {
  const client = new CloudFormationClient({ ...(region !== undefined && { region }) });
  try {
    const stackName = name ?? (await onlyStack(client));
    const outputs = await outputsOf(client, stackName);
    return { name: stackName, region, outputs, template: await templateOf(client, stackName) };
  } finally {
    client.destroy();
  }
}

const regionOf = async (client: CloudFormationClient) => String(await client.config.region());

async function onlyStack(client: CloudFormationClient): Promise<string> {
  const names: string[] = [];
  for await (const { StackSummaries = [] } of paginateListStacks({ client }, { StackStatusFilter: live })) {
    names.push(...StackSummaries.map(({ StackName }) => StackName!).filter((each) => each.startsWith(NAMES_BEGIN)));
  }
  const [only, ...others] = names.sort();
  const where = await regionOf(client);
  if (only === undefined) {
    throw new ConfigurationError(
      `No stack in ${where} has a name that begins with ${NAMES_BEGIN}. Give its name with --stack, another region with --region, or --local for the cloud that npm start runs.`,
    );
  }
  if (others.length > 0) {
    throw new UsageError(`Several stacks in ${where} may be meant: ${names.join(', ')}. Say which with --stack.`);
  }
  return only;
}

async function outputsOf(client: CloudFormationClient, StackName: string): Promise<Record<string, string>> {
  const where = await regionOf(client);
  const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName })).catch((error) => {
    // CloudFormation has no error of its own for this one.
    if (error instanceof CloudFormationServiceException && /does not exist/.test(error.message)) {
      throw new ConfigurationError(
        `There is no stack ${StackName} in ${where}. Another region is chosen with --region.`,
        {
          cause: error,
        },
      );
    }
    throw error;
  });
  const outputs = Object.fromEntries(
    (Stacks[0]?.Outputs ?? []).map(({ OutputKey, OutputValue }) => [OutputKey!, OutputValue!]),
  );
  if (outputs.TableName === undefined) {
    throw new ConfigurationError(
      `The stack ${StackName} in ${where} has no output TableName: it is none of Holdfast's, or was deployed before there was this command. Deploy it again (npx cdk deploy).`,
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
