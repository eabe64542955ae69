import { type Finding, fail, ok } from '../doctor/finding.ts';
import type { PreflightCheck } from './preflight-check.ts';

const secretArn = /^arn:[\w-]+:secretsmanager:/;

/** The secrets that the functions read: those of the setting `secrets`, and the client secret at the identity provider. */
export const secretCheck: PreflightCheck = {
  name: 'secrets',
  actions: ['secretsmanager:DescribeSecret'],
  async run({ planned, secrets }) {
    const values = planned.functionVariables().flatMap((variables) => Object.values(variables));
    const arns = [...new Set(values.filter((value) => secretArn.test(value)))];
    const findings = arns.map(async (arn): Promise<Finding> => {
      const name = arn.split(':secret:').at(-1)!;
      const problem = await secrets.problemOf(arn);
      if (problem === undefined) return ok('secrets', `${name} has a value`);
      return fail('secrets', `${name} ${problem}`, {
        why: 'The functions that read it fail.',
        mend: `Correct the ARN, or store the value as text: aws secretsmanager put-secret-value --secret-id ${name}`,
      });
    });
    return Promise.all(findings);
  },
};
