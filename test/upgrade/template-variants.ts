import { App } from 'aws-cdk-lib';
import type { HoldfastStackProps } from '../../lib/holdfast-stack.ts';
import { settingsFromContext } from '../../lib/settings/settings-from-context.ts';

/** Settings by their context keys, which releases have in common. */
const contexts: Record<string, Record<string, string>> = {
  'dev with Cognito': {},
  'prod with Cognito': { stage: 'prod', alarmEmail: 'ops@example.com' },
  'prod with an identity provider and a domain': {
    stage: 'prod',
    firewall: 'true',
    showNames: 'name',
    idpIssuer: 'https://login.example.com',
    idpClientId: 'holdfast',
    idpClientSecretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:holdfast-AbCdEf',
    domainName: 'mcp.example.com',
    certificateArn: 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b',
    hostedZoneId: 'Z0123456789',
    hostedZoneName: 'example.com',
  },
  'dev in direct mode': { idpMode: 'direct', idpProfile: 'workos', idpIssuer: 'https://login.example.com' },
};

/** Deployments whose state an upgrade keeps. Together they have every resource with state. */
export const templateVariants: [name: string, props: HoldfastStackProps][] = Object.entries(contexts).map(
  ([name, context]) => [
    name,
    { ...settingsFromContext(new App({ context }).node), ...(context.stage === 'prod' && { signingKeys: ['2', '1'] }) },
  ],
);
