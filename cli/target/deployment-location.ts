import { notify } from '../output/terminal.ts';
import { type DeployedSettings, defaultSettings, settingsIn } from './deployed-settings.ts';
import { findStack } from './deployed-stack.ts';
import { type LocalAccess, locateLocalEmulator } from './local-emulator.ts';

/** The options that select a deployment. Commander rejects `--local` with one of the others. */
export type DeploymentSelection = { local?: boolean; stack?: string; region?: string };

export type DeploymentLocation = {
  table: string;
  /** Settings of the AWS SDK clients, beside those that the SDK finds by itself. */
  dynamoDb: Partial<LocalAccess>;
  kms: Partial<LocalAccess>;
  settings: DeployedSettings;
};

/**
 * @throws ConfigurationError when it does not exist
 * @throws UsageError when several stacks match
 */
export async function locateDeployment({ local, stack, region }: DeploymentSelection): Promise<DeploymentLocation> {
  if (local) {
    const { table, dynamoDb, kms, template } = locateLocalEmulator();
    return { table, dynamoDb, kms, settings: settingsOf(template) };
  }
  const { name, outputs, template } = await findStack(stack, region);
  if (template === undefined) {
    notify(`No permission to read the template of ${name} (cloudformation:GetTemplate); using default lifetimes.`);
  }
  const access = region === undefined ? {} : { region };
  return { table: outputs.TableName!, dynamoDb: access, kms: access, settings: settingsOf(template) };
}

const settingsOf = (template: string | undefined) => (template === undefined ? defaultSettings : settingsIn(template));
