import { GetAccountSettingsCommand } from '@aws-sdk/client-lambda';
import { type Finding, fail, ok, warn } from '../doctor/finding.ts';
import type { PlannedStack } from './planned-stack.ts';
import type { PreflightCheck } from './preflight-check.ts';

/**
 * Executions that Lambda leaves to functions without a reservation: 100, and in accounts with a smaller quota as few as 10
 * (the error of a reservation names the number).
 */
const UNRESERVED = { least: 10, usual: 100 };

const MEND =
  'aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000';

/** Concurrent executions of the account in the region: 1,000 by default, 10 in new accounts. */
export const concurrencyCheck: PreflightCheck = {
  name: 'concurrency',
  actions: ['lambda:GetAccountSettings'],
  async run({ planned, lambda, deployed }) {
    const { AccountLimit: { ConcurrentExecutions = 0, UnreservedConcurrentExecutions = 0 } = {} } = await lambda.send(
      new GetAccountSettingsCommand(),
    );
    const reserved = reservedExecutions(planned);
    // An update does not take a second time what the stack has reserved.
    const isNew = reserved > 0 && !(await deployed()).isDeployment;
    return [
      ...(isNew ? [judgeReservation(reserved, UnreservedConcurrentExecutions)] : []),
      judgeQuota(ConcurrentExecutions),
    ];
  },
};

function reservedExecutions(planned: PlannedStack): number {
  const reserved = planned
    .resources('AWS::Lambda::Function')
    .map(({ properties }) => properties.ReservedConcurrentExecutions);
  const provisioned = planned
    .resources('AWS::Lambda::Alias')
    .map(
      ({ properties }) =>
        properties.ProvisionedConcurrencyConfig as { ProvisionedConcurrentExecutions?: unknown } | undefined,
    )
    .map((configuration) => configuration?.ProvisionedConcurrentExecutions);
  return [...reserved, ...provisioned].reduce<number>((sum, count) => sum + Number(count ?? 0), 0);
}

function judgeReservation(reserved: number, unreserved: number): Finding {
  const check = 'concurrency/reserved';
  const remaining = unreserved - reserved;
  const found = `the stack reserves or provisions ${reserved} of ${unreserved} unreserved executions`;
  const remedy = {
    why: `Lambda leaves ${UNRESERVED.least} to ${UNRESERVED.usual} unreserved, and rejects more.`,
    mend: MEND,
  };
  if (remaining < UNRESERVED.least) return fail(check, found, remedy);
  return remaining < UNRESERVED.usual ? warn(check, found, remedy) : ok(check, found);
}

function judgeQuota(quota: number): Finding {
  const found = `${quota} concurrent executions for all functions of the region`;
  if (quota >= UNRESERVED.usual) return ok('concurrency', found);
  return warn('concurrency', found, {
    why: 'Each open stream holds one, a long call of a client of the 2025 era two. Beyond them, requests get 429 or 500.',
    mend: MEND,
  });
}
