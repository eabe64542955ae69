import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataFolder } from '../../local/data-folder.ts';
import { say } from '../output/terminal.ts';
import { UsageError } from '../usage-error.ts';
import { type Settings, settingsIn, unknownSettings } from './deployed-settings.ts';
import { findStack } from './deployed-stack.ts';

/** Which deployment is meant. */
export type Where = { local?: boolean; stack?: string; region?: string };

/** What its clients need beside what they find for themselves. */
type Access = { region?: string; endpoint?: string; credentials?: { accessKeyId: string; secretAccessKey: string } };

export type DeploymentLocation = {
  table: string;
  dynamoDb: Access;
  kms: Access;
  settings: Settings;
};

const root = fileURLToPath(new URL('../..', import.meta.url));

const dataFolder = () => (process.env.HOLDFAST_DATA ? resolve(process.env.HOLDFAST_DATA) : resolve(root, '.holdfast'));

/** @throws Misuse, Mistake when it cannot be found */
export async function locateDeployment({ local, stack, region }: Where): Promise<DeploymentLocation> {
  if (!local) return deployed(stack, region);
  if (stack !== undefined || region !== undefined) {
    throw new UsageError('--local is the cloud on this computer: it has neither --stack nor --region');
  }
  return onTheDesk(dataFolder());
}

async function deployed(stack: string | undefined, region: string | undefined): Promise<DeploymentLocation> {
  const { name, outputs, template } = await findStack(stack, region);
  if (template === undefined) {
    say(
      `The template of ${name} may not be read (cloudformation:GetTemplate), so the times at which things end are guessed.`,
    );
  }
  const access = region === undefined ? {} : { region };
  return {
    table: outputs.TableName!,
    dynamoDb: access,
    kms: access,
    settings: template === undefined ? unknownSettings : settingsIn(template),
  };
}

function onTheDesk(folder: string): DeploymentLocation {
  const { dynamoDb, kms, table } = DataFolder.operatorAccessTo(folder);
  const credentials = { accessKeyId: dynamoDb.accessKeyId, secretAccessKey: 'local' };
  const access = { region: 'us-east-1', credentials };
  const [template] = globSync(join(folder, 'cdk.out', '*.template.json'));
  return {
    table,
    dynamoDb: { ...access, endpoint: dynamoDb.endpoint },
    kms: { ...access, endpoint: kms.endpoint },
    settings: template === undefined ? unknownSettings : settingsIn(readFileSync(template, 'utf8')),
  };
}

/** Whether a cloud runs here, for those who forgot to say that they mean it. */
export function isLocalCloudRunning(): boolean {
  try {
    DataFolder.operatorAccessTo(dataFolder());
    return true;
  } catch {
    return false;
  }
}
