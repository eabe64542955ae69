import * as z from 'zod';
import { type Finding, fail, note, ok, type Remedy, warn } from '../doctor/finding.ts';
import { AwsRequestError, type AwsRequests } from './aws-requests.ts';
import type { PreflightCheck } from './preflight-check.ts';
import type { PreflightTarget } from './preflight-target.ts';

const certificateDescription = z.object({
  Certificate: z.object({
    Status: z.string(),
    SubjectAlternativeNames: z.array(z.string()).default([]),
    /** Epoch seconds. */
    NotAfter: z.number().optional(),
    RenewalEligibility: z.string().optional(),
  }),
});
type Certificate = z.infer<typeof certificateDescription>['Certificate'];

const DAY_MILLISECONDS = 86_400_000;
/** ACM renews its own certificates 60 days before they expire. */
const RENEWAL_DAYS = 30;

const WHY = 'API Gateway rejects the domain name, or clients reject its certificate.';

export const certificateCheck: PreflightCheck = {
  name: 'certificate',
  actions: ['acm:DescribeCertificate'],
  async run(target) {
    const domains = target.planned.resources('AWS::ApiGateway::DomainName');
    const findings = domains.map(async (domain) => {
      const name = domain.text('DomainName');
      const arn = domain.text('RegionalCertificateArn');
      if (name === undefined) return [];
      return arn === undefined
        ? [note('certificate', `the stack creates that of ${name}: its validation has to end during the deployment`)]
        : judge(name, arn, target);
    });
    return (await Promise.all(findings)).flat();
  },
};

async function judge(name: string, arn: string, { account, region, aws, now }: PreflightTarget): Promise<Finding[]> {
  const [, , , ofRegion, ofAccount] = arn.split(':');
  if (ofRegion !== region || ofAccount !== account) {
    const mend = `Request one for ${name} in ${region} of this account, and set certificateArn to it.`;
    return [fail('certificate', `${arn} is not in ${region} of ${account}`, { why: WHY, mend })];
  }
  const Certificate = await describe(aws, arn);
  if (Certificate === undefined) {
    const mend = `Set certificateArn to one for ${name}: aws acm list-certificates`;
    return [fail('certificate', `${arn} does not exist`, { why: WHY, mend })];
  }
  const problem = problemOf(Certificate, name, now);
  if (problem !== undefined) return [fail('certificate', ...problem)];
  const days = Math.floor(((Certificate.NotAfter ?? 0) * 1000 - now) / DAY_MILLISECONDS);
  const found = `issued for ${name}, for ${days} days`;
  if (Certificate.RenewalEligibility !== 'INELIGIBLE' || days > RENEWAL_DAYS) return [ok('certificate', found)];
  const remedy = {
    why: 'ACM does not renew it, and clients will reject it.',
    mend: 'Import its successor with the same ARN.',
  };
  return [warn('certificate', found, remedy)];
}

/** @returns undefined for an unknown certificate */
async function describe(aws: AwsRequests, CertificateArn: string): Promise<Certificate | undefined> {
  try {
    return (await aws.call('acm', 'DescribeCertificate', { CertificateArn }, certificateDescription)).Certificate;
  } catch (error) {
    if (error instanceof AwsRequestError && error.name === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

function problemOf(
  { Status, SubjectAlternativeNames, NotAfter = 0 }: Certificate,
  name: string,
  now: number,
): [found: string, remedy: Remedy] | undefined {
  if (Status === 'PENDING_VALIDATION') {
    return ['its validation is pending', { why: WHY, mend: 'Create the CNAME record that Certificate Manager shows.' }];
  }
  const replace = { why: WHY, mend: `Request another one for ${name}, and set certificateArn to it.` };
  if (Status !== 'ISSUED') return [`its status is ${Status}`, replace];
  if (NotAfter * 1000 <= now) return ['it has expired', replace];
  if (SubjectAlternativeNames.some((pattern) => isCovered(name, pattern))) return undefined;
  return [`it is for ${SubjectAlternativeNames.join(', ')}, and not for ${name}`, replace];
}

/** A wildcard stands for one label (RFC 9525 §6.3). */
function isCovered(name: string, pattern: string): boolean {
  const [host, wanted] = [name, pattern].map((each) => each.toLowerCase());
  return host === wanted || (wanted!.startsWith('*.') && host!.replace(/^[^.]+/, '*') === wanted);
}
