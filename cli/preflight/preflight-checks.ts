import type { Finding } from '../doctor/finding.ts';
import { accessLogCheck } from './access-log-check.ts';
import { bootstrapCheck } from './bootstrap-check.ts';
import { certificateCheck } from './certificate-check.ts';
import { distributionCheck, edgePolicyCheck } from './cloudfront-check.ts';
import { concurrencyCheck } from './concurrency-check.ts';
import { domainNameCheck, hostedZoneCheck } from './domain-check.ts';
import { externalProviderCheck } from './external-provider-check.ts';
import { findingsOf, type PreflightCheck } from './preflight-check.ts';
import type { PreflightTarget } from './preflight-target.ts';
import { secretCheck } from './secret-check.ts';
import { stackCheck } from './stack-check.ts';
import { userPoolCheck } from './user-pool-check.ts';

/** In the order of the report. Each reads what it needs, so one missing permission prevents one check. */
export const preflightChecks: readonly PreflightCheck[] = [
  bootstrapCheck,
  stackCheck,
  concurrencyCheck,
  accessLogCheck,
  distributionCheck,
  edgePolicyCheck,
  certificateCheck,
  domainNameCheck,
  hostedZoneCheck,
  userPoolCheck,
  secretCheck,
  externalProviderCheck,
];

export const checkAccount = async (target: PreflightTarget): Promise<Finding[]> =>
  (await Promise.all(preflightChecks.map((check) => findingsOf(check, target)))).flat();
