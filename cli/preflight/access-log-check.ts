import * as z from 'zod';
import { fail, ok, warn } from '../doctor/finding.ts';
import type { PreflightCheck } from './preflight-check.ts';

const accountSettings = z.object({ cloudwatchRoleArn: z.string().nullish() });

/** The role with which API Gateway writes access logs: one for all APIs of the account in a region. */
export const accessLogCheck: PreflightCheck = {
  name: 'api-gateway/account',
  actions: ['apigateway:GET', 'cloudformation:DescribeStacks', 'cloudformation:ListStackResources'],
  async run({ planned, aws, deployed, region }) {
    const hasAccessLog = planned
      .resources('AWS::ApiGateway::Stage')
      .some(({ properties }) => 'AccessLogSetting' in properties);
    if (!hasAccessLog) return [];
    const { cloudwatchRoleArn: role } = await aws.gatewayDocument('/account', accountSettings);
    const check = 'api-gateway/account';
    if (!planned.has('AWS::ApiGateway::Account')) {
      return role
        ? [ok(check, `access logs are written by ${role}`)]
        : [
            fail(check, `no role for access logs is set in ${region}`, {
              why: 'API Gateway rejects the stage: "CloudWatch Logs role ARN must be set in account settings".',
              mend: 'Set manageApiGatewayAccount to true in one stack of this account and region.',
            }),
          ];
    }
    const { resources } = await deployed();
    if (!role || resources.has(role.split('/').at(-1)!)) return [ok(check, 'the stack sets the role for access logs')];
    return [
      warn(check, `the deployment replaces the role ${role}`, {
        why: 'All APIs of this account and region write their logs with it.',
        mend: 'Set manageApiGatewayAccount to false, and the APIs keep that role.',
      }),
    ];
  },
};
