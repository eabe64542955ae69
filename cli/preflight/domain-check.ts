import * as z from 'zod';
import { type Finding, fail, ok } from '../doctor/finding.ts';
import { AwsRequestError, elementIn } from './aws-requests.ts';
import type { PlannedResource } from './planned-stack.ts';
import type { PreflightCheck } from './preflight-check.ts';
import type { PreflightTarget } from './preflight-target.ts';

const stackActions = ['cloudformation:DescribeStacks', 'cloudformation:ListStackResources'];

const domainDescription = z.object({ domainName: z.string() });

/** Whether another API of the account has the domain name. */
export const domainNameCheck: PreflightCheck = {
  name: 'domain/name',
  actions: ['apigateway:GET', ...stackActions],
  async run({ planned, aws, deployed, region }) {
    const names = planned.resources('AWS::ApiGateway::DomainName').map((domain) => domain.text('DomainName'));
    const findings = names.map(async (name): Promise<Finding[]> => {
      if (name === undefined) return [];
      if ((await deployed()).resources.has(name)) return [ok('domain/name', `${name} belongs to the stack`)];
      try {
        await aws.gatewayDocument(`/domainnames/${name}`, domainDescription);
      } catch (error) {
        if (!(error instanceof AwsRequestError && error.name === 'NotFoundException')) throw error;
        return [ok('domain/name', `${name} is free`)];
      }
      const remedy = {
        why: 'API Gateway rejects the domain name.',
        mend: 'Delete it in API Gateway, or choose another one.',
      };
      return [fail('domain/name', `API Gateway has the domain name ${name} in ${region}, outside the stack`, remedy)];
    });
    return (await Promise.all(findings)).flat();
  },
};

/** Whether the hosted zone exists and can hold the records of the stack. */
export const hostedZoneCheck: PreflightCheck = {
  name: 'domain/zone',
  actions: ['route53:GetHostedZone', 'route53:ListResourceRecordSets', ...stackActions],
  async run(target) {
    const records = target.planned.resources('AWS::Route53::RecordSet');
    return (await Promise.all(records.map((record) => judge(record, target)))).flat();
  },
};

async function judge(record: PlannedResource, { aws, deployed }: PreflightTarget): Promise<Finding[]> {
  const [zoneId, name, type] = [record.text('HostedZoneId'), record.text('Name'), record.text('Type')];
  if (zoneId === undefined || name === undefined || type === undefined) return [];
  const check = 'domain/zone';
  const zone = await zoneDocument(aws, zoneId);
  const zoneName = elementIn(zone ?? '', 'Name');
  if (zone === undefined || zoneName === undefined) {
    const remedy = { why: 'Route 53 rejects the record.', mend: 'Correct hostedZoneId: aws route53 list-hosted-zones' };
    return [fail(check, `the account has no hosted zone ${zoneId}`, remedy)];
  }
  if (!`.${name}`.endsWith(`.${zoneName}`)) {
    const mend = 'Set hostedZoneId to the zone of the domain name.';
    return [fail(check, `${name} is not in the zone ${zoneName}`, { why: 'Route 53 rejects the record.', mend })];
  }
  if (elementIn(zone, 'PrivateZone') === 'true') {
    const remedy = {
      why: 'Clients outside the VPC do not find the server.',
      mend: 'Set hostedZoneId to the public zone.',
    };
    return [fail(check, `the zone ${zoneName} is private`, remedy)];
  }
  const query = new URLSearchParams({ name, type, maxitems: '1' });
  const records = await aws.xmlDocument('route53', `/2013-04-01/hostedzone/${zoneId}/rrset?${query}`);
  const exists = elementIn(records, 'Name') === name && elementIn(records, 'Type') === type;
  if (!exists || (await deployed()).resources.has(name.replace(/\.$/, ''))) {
    return [ok(check, `the zone ${zoneName} can hold the ${type} record of ${name}`)];
  }
  const remedy = {
    why: 'Route 53 rejects a second record of that name and type.',
    mend: 'Delete the record, then deploy.',
  };
  return [fail(check, `the zone ${zoneName} has an ${type} record of ${name}, outside the stack`, remedy)];
}

/** @returns undefined for an unknown zone */
async function zoneDocument(aws: PreflightTarget['aws'], zoneId: string): Promise<string | undefined> {
  try {
    return await aws.xmlDocument('route53', `/2013-04-01/hostedzone/${zoneId}`);
  } catch (error) {
    if (error instanceof AwsRequestError && /^(NoSuchHostedZone|InvalidInput)$/.test(error.name)) return undefined;
    throw error;
  }
}
