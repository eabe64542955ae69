import { type Finding, fail, ok, warn } from '../doctor/finding.ts';
import { elementIn } from './aws-requests.ts';
import type { PreflightCheck } from './preflight-check.ts';
import type { PreflightTarget } from './preflight-target.ts';

const DISTRIBUTION = 'AWS::CloudFront::Distribution';

/**
 * Whether the account may create distributions. No operation states it: new accounts are verified by a person, and get 403
 * at the creation of a distribution before. An account that has a distribution has been verified.
 */
export const distributionCheck: PreflightCheck = {
  name: 'cloudfront/account',
  actions: ['cloudfront:ListDistributions'],
  async run({ planned, aws }) {
    if (!planned.has(DISTRIBUTION)) return [];
    const count = Number(elementIn(await aws.xmlDocument('cloudfront', '/2020-05-31/distribution'), 'Quantity'));
    if (count > 0) return [ok('cloudfront/account', 'the account has a distribution, so it is verified')];
    return [
      warn('cloudfront/account', 'the account has no distribution: AWS may not have verified it', {
        why: 'Before, the creation fails with 403 "Your account must be verified". No operation of AWS states it.',
        mend: 'A new account: open a support case ("Account and billing") now, or use a domain of your own.',
      }),
    ];
  },
};

/** Policies by the type of their resource. Their names are unique in the account, for all regions. */
const policyKinds = [
  { type: 'AWS::CloudFront::CachePolicy', element: 'CachePolicy', path: 'cache-policy' },
  { type: 'AWS::CloudFront::OriginRequestPolicy', element: 'OriginRequestPolicy', path: 'origin-request-policy' },
];

/** Of each kind in an account, by default. */
const POLICY_QUOTA = 20;

export const edgePolicyCheck: PreflightCheck = {
  name: 'cloudfront/policies',
  actions: [
    'cloudfront:ListCachePolicies',
    'cloudfront:ListOriginRequestPolicies',
    'cloudformation:DescribeStacks',
    'cloudformation:ListStackResources',
  ],
  async run(target) {
    return (await Promise.all(policyKinds.map((kind) => judgePolicies(kind, target)))).flat();
  },
};

async function judgePolicies(
  { type, element, path }: (typeof policyKinds)[number],
  { planned, aws, deployed }: PreflightTarget,
): Promise<Finding[]> {
  const policies = planned.resources(type);
  if (policies.length === 0) return [];
  const { resources } = await deployed();
  const xml = await aws.xmlDocument('cloudfront', `/2020-05-31/${path}?Type=custom`);
  const others = xml
    .split(`<${element}Summary>`)
    .slice(1)
    .filter((policy) => !resources.has(elementIn(policy, 'Id')!));
  const taken = policies
    .map((policy) => policy.text(`${element}Config`, 'Name'))
    .filter((name) => name !== undefined && others.some((other) => other.includes(`<Name>${name}</Name>`)));
  const check = `cloudfront/${path}`;
  if (taken.length > 0) {
    return [
      fail(check, `another policy has the name ${taken.join(', ')}`, {
        why: 'CloudFront rejects the policy of the stack.',
        mend: 'Delete that policy, which a deleted stack may have left, or choose another stack name.',
      }),
    ];
  }
  const found = `the account has ${others.length} others, the stack ${policies.length}`;
  if (others.length + policies.length <= POLICY_QUOTA) return [ok(check, found)];
  return [
    warn(check, found, {
      why: `Unless the quota is raised, it is ${POLICY_QUOTA}, and the creation fails.`,
      mend: 'Delete unused ones, or request an increase in Service Quotas (CloudFront, us-east-1).',
    }),
  ];
}
