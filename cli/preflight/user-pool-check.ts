import * as z from 'zod';
import { fail, ok, type Remedy, warn } from '../doctor/finding.ts';
import type { AwsRequests } from './aws-requests.ts';
import type { PreflightCheck } from './preflight-check.ts';

/** "User pools per account" of one region. */
const QUOTA = { ServiceCode: 'cognito-idp', QuotaCode: 'L-66E6DF30' };

const serviceQuota = z.object({ Quota: z.object({ Value: z.number() }) });
const userPools = z.object({ UserPools: z.array(z.object({ Id: z.string() })), NextToken: z.string().optional() });

/** The most that one request lists. */
const PAGE = 60;
/** A share of the quota that deserves a warning. */
const NEARLY_ALL = 0.9;

/** User pools in use and permitted. The prefix of the pool's domain is generated from the id of the stack, so it is free. */
export const userPoolCheck: PreflightCheck = {
  name: 'cognito/pools',
  actions: [
    'cognito-idp:ListUserPools',
    'servicequotas:GetServiceQuota',
    'cloudformation:DescribeStacks',
    'cloudformation:ListStackResources',
  ],
  async run({ planned, aws, deployed, region }) {
    if (!planned.has('AWS::Cognito::UserPool')) return [];
    const { Quota } = await aws.call('servicequotas', 'GetServiceQuota', QUOTA, serviceQuota);
    const ids = await listUserPools(aws, Quota.Value);
    const { resources } = await deployed();
    const found = `${ids.length} of ${Quota.Value} user pools of ${region} in use`;
    if (ids.some((id) => resources.has(id)) || ids.length < NEARLY_ALL * Quota.Value)
      return [ok('cognito/pools', found)];
    const remedy: Remedy = {
      why: 'Cognito rejects a pool beyond the quota.',
      mend: `aws service-quotas request-service-quota-increase --service-code cognito-idp --quota-code ${QUOTA.QuotaCode} --desired-value N`,
    };
    return [ids.length < Quota.Value ? warn('cognito/pools', found, remedy) : fail('cognito/pools', found, remedy)];
  },
};

async function listUserPools(aws: AwsRequests, most: number): Promise<string[]> {
  const ids: string[] = [];
  let NextToken: string | undefined;
  do {
    const input = { MaxResults: PAGE, ...(NextToken !== undefined && { NextToken }) };
    const page = await aws.call('cognito-idp', 'ListUserPools', input, userPools);
    ids.push(...page.UserPools.map(({ Id }) => Id));
    NextToken = page.NextToken;
  } while (NextToken !== undefined && ids.length < most);
  return ids;
}
