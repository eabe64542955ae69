import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { LambdaClient } from '@aws-sdk/client-lambda';
import type { AssemblyStack } from '../../local/template/cloud-assembly.ts';
import { createProbe, type Probe } from '../doctor/http-probe.ts';
import { type AwsAccess, type AwsRequests, openAwsRequests } from './aws-requests.ts';
import { type DeployedStack, readDeployedStack } from './deployed-resources.ts';
import { PlannedStack } from './planned-stack.ts';
import { StoredSecrets } from './stored-secrets.ts';

/** A stack and the account and region that it is to be deployed to. */
export type PreflightTarget = {
  account: string;
  region: string;
  planned: PlannedStack;
  /** The stack of that name in the account, read once. */
  deployed: () => Promise<DeployedStack>;
  aws: AwsRequests;
  lambda: LambdaClient;
  secrets: StoredSecrets;
  probe: Probe;
  /** Epoch milliseconds. */
  now: number;
};

/** Opens the clients of a target. They send no request yet. */
export function openTarget(app: AssemblyStack, account: string, access: AwsAccess): PreflightTarget {
  const { region, credentials, timeoutMilliseconds } = access;
  const requestHandler = {
    connectionTimeout: timeoutMilliseconds,
    requestTimeout: timeoutMilliseconds,
    throwOnRequestTimeout: true,
  };
  const configuration = { region, credentials, requestHandler };
  const planned = new PlannedStack(app, { account, region });
  let deployed: Promise<DeployedStack> | undefined;
  return {
    account,
    region,
    planned,
    deployed: () => (deployed ??= readDeployedStack(new CloudFormationClient(configuration), planned.name)),
    aws: openAwsRequests(access),
    lambda: new LambdaClient(configuration),
    secrets: new StoredSecrets(configuration),
    probe: createProbe(timeoutMilliseconds),
    now: Date.now(),
  };
}
