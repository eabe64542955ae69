import { type Finding, fail, ok, warn } from '../doctor/finding.ts';
import type { DeployedStack } from './deployed-resources.ts';
import type { PreflightCheck } from './preflight-check.ts';

/** Statuses after which `cdk deploy` deletes the stack and creates it again. */
const failedCreation = /^(ROLLBACK_COMPLETE|ROLLBACK_FAILED|CREATE_FAILED)$/;
/** The next deployment begins when these have ended. A review has not begun. */
const inProgress = /_IN_PROGRESS$/;
const failedUpdate = /^(UPDATE_FAILED|UPDATE_ROLLBACK_FAILED|IMPORT_ROLLBACK_FAILED)$/;

/** Whether a deployment can create or update the stack. Names of its table, keys, logs and pool are generated, so free. */
export const stackCheck: PreflightCheck = {
  name: 'stack',
  actions: ['cloudformation:DescribeStacks', 'cloudformation:ListStackResources'],
  async run({ planned: { name }, deployed }) {
    return [judge(name, await deployed())];
  },
};

function judge(name: string, { status, isProtected, isDeployment }: DeployedStack): Finding {
  const check = stackCheck.name;
  const found = `${name} is in the status ${status}`;
  if (status === undefined || status === 'REVIEW_IN_PROGRESS')
    return ok(check, `${name} does not exist, and is created`);
  if (inProgress.test(status)) {
    return warn(check, found, { why: 'Another deployment of it has not ended.', mend: 'Wait for its end.' });
  }
  if (failedCreation.test(status) && isProtected) {
    return fail(check, `${found}, and protected against termination`, {
      why: 'Its creation failed. The next deployment has to delete it first, which the protection prevents.',
      mend: `aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name ${name}`,
    });
  }
  if (status === 'ROLLBACK_FAILED' || status === 'DELETE_FAILED') {
    return fail(check, found, {
      why: 'A resource of it could not be deleted. The next deployment fails until the stack is deleted.',
      mend: `Look for DELETE_FAILED in its events, then: aws cloudformation delete-stack --stack-name ${name}`,
    });
  }
  if (failedCreation.test(status)) {
    return ok(check, `${found}: the deployment deletes it and creates it again`);
  }
  if (failedUpdate.test(status)) {
    return fail(check, found, {
      why: 'CloudFormation rejects updates of a stack whose update has not ended.',
      mend: `npx cdk rollback ${name}, then deploy again.`,
    });
  }
  if (!isDeployment) {
    return warn(check, `${name} exists, and has no deployment of Holdfast`, {
      why: 'The deployment deletes the resources of that stack which the app does not have.',
      mend: 'Read npx cdk diff, or choose another stack name.',
    });
  }
  return ok(check, `${name} exists (${status}), and is updated`);
}
