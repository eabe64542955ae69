import { accessDenied } from '../command-errors.ts';
import { type Finding, warn } from '../doctor/finding.ts';
import { AwsRequestError } from './aws-requests.ts';
import type { PreflightTarget } from './preflight-target.ts';

export type PreflightCheck = {
  /** Of the finding when the check cannot run. */
  name: string;
  /** The IAM actions that it needs. */
  actions: string[];
  /** @returns no finding where the stack does not need it */
  run(target: PreflightTarget): Promise<Finding[]>;
};

/** The findings of a check. A request that AWS denies or does not answer is a warning. */
export async function findingsOf({ name, actions, run }: PreflightCheck, target: PreflightTarget): Promise<Finding[]> {
  try {
    return await run(target);
  } catch (error) {
    return [notChecked(name, error, actions)];
  }
}

/** @throws the error unless it is a failed request to AWS: any other one is a defect */
export function notChecked(check: string, error: unknown, actions: string[]): Finding {
  if (!isRequestFailure(error)) throw error;
  const { name, message } = error;
  return warn(check, `not checked: ${name}: ${message}`, {
    why: 'The deployment may fail on it.',
    mend: accessDenied.test(name)
      ? `Permit ${actions.join(', ')}, or check it by hand (docs/before-you-deploy.md).`
      : 'Try again, or check it by hand (docs/before-you-deploy.md).',
  });
}

/** The AWS SDK adds `$metadata` to the errors of a request, those of the network included. */
const isRequestFailure = (error: unknown): error is Error =>
  error instanceof AwsRequestError || (error instanceof Error && '$metadata' in error);
