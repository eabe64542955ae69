import * as z from 'zod';
import { fail, ok } from '../doctor/finding.ts';
import { AwsRequestError } from './aws-requests.ts';
import type { PreflightCheck } from './preflight-check.ts';

const parameter = z.object({ Parameter: z.object({ Value: z.string() }) });

/** `cdk bootstrap` writes its version to a parameter, which `cdk deploy` compares with the version that the app needs. */
export const bootstrapCheck: PreflightCheck = {
  name: 'bootstrap',
  actions: ['ssm:GetParameter'],
  async run({ account, region, planned: { bootstrap }, aws }) {
    if (bootstrap === undefined) return [];
    const { version, versionParameter: Name } = bootstrap;
    const remedy = { why: 'cdk deploy stops.', mend: `npx cdk bootstrap aws://${account}/${region}` };
    try {
      const { Parameter } = await aws.call('ssm', 'GetParameter', { Name }, parameter);
      const found = `version ${Parameter.Value} in ${region}, the app needs ${version}`;
      return [Number(Parameter.Value) >= version ? ok('bootstrap', found) : fail('bootstrap', found, remedy)];
    } catch (error) {
      if (!(error instanceof AwsRequestError && error.name === 'ParameterNotFound')) throw error;
      return [fail('bootstrap', `${region} of ${account} is not bootstrapped (no parameter ${Name})`, remedy)];
    }
  },
};
