import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkEnvironment, identifyCaller } from '../../cli/preflight/caller-check.ts';
import { checkAccount, preflightChecks } from '../../cli/preflight/preflight-checks.ts';
import { openTarget } from '../../cli/preflight/preflight-target.ts';
import {
  type AwsReply,
  certificate,
  denied,
  FakeAws,
  hostedZone,
  policyList,
  recordSets,
  SECRET_ACCESS_KEY,
} from '../support/fake-aws.ts';
import { FakeCloudFormation, markerOf } from '../support/fake-cloudformation.ts';
import { problems } from '../support/scripted-deployment.ts';
import { CLIENT, ScriptedProvider } from '../support/scripted-provider.ts';
import { deployments, type SynthesizedTemplate, synthesize } from '../support/synthesized-template.ts';

/** The checks of an account before a deployment, over the protocols of the AWS services. */

const account = '111122223333';
const region = 'eu-west-1';
const now = Date.UTC(2026, 10, 30);
const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: SECRET_ACCESS_KEY };

/** Both use the role of the account for access logs. */
const withCognito = synthesize({ manageApiGatewayAccount: false });
const [, production] = deployments.find(
  ([name]) => name === 'prod with an identity provider, a domain and a firewall',
)!;
const withDomain = synthesize({ ...production, identityProvider: undefined, manageApiGatewayAccount: false });

let aws: FakeAws;
let cloudFormation: FakeCloudFormation;

beforeAll(async () => {
  [aws, cloudFormation] = await Promise.all([FakeAws.start(), FakeCloudFormation.start()]);
  process.env.AWS_ENDPOINT_URL = aws.endpoint;
  process.env.AWS_ENDPOINT_URL_CLOUDFORMATION = cloudFormation.endpoint;
});
afterAll(() => {
  aws.stop();
  cloudFormation.stop();
});
beforeEach(() => {
  aws.reset();
  cloudFormation.stacks = [];
  cloudFormation.errors = {};
});

/** The findings of a stack in that account. */
function findings(template: SynthesizedTemplate, timeoutMilliseconds = 5000) {
  const bootstrap = { version: 6, versionParameter: '/cdk-bootstrap/hnb659fds/version' };
  const app = {
    folder: '',
    stackName: 'Holdfast-dev',
    template: template as Parameters<typeof openTarget>[0]['template'],
    source: '',
    path: 'Holdfast',
    paths: new Map(),
    account: undefined,
    region: undefined,
    bootstrap,
  };
  const target = openTarget(app, account, { region, credentials, timeoutMilliseconds });
  return checkAccount({ ...target, now });
}

async function finding(check: string, template = withCognito) {
  return (await findings(template)).find((each) => each.check === check);
}

/** A copy of the template with a change. */
function changed(template: SynthesizedTemplate, change: (resources: SynthesizedTemplate['Resources']) => void) {
  const copy = structuredClone(template);
  change(copy.Resources);
  return copy;
}

const stack = (change: Partial<FakeCloudFormation['stacks'][number]> = {}) =>
  cloudFormation.stacks.push({ name: 'Holdfast-dev', deployments: [markerOf()], ...change });

test('an account that is ready has no problem, with Cognito behind CloudFront and with a domain', async () => {
  for (const template of [withCognito, withDomain]) expect(problems(await findings(template))).toEqual([]);
  expect(aws.requests.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'cloudfront GET /2020-05-31/distribution',
      'route53 GET /2013-04-01/hostedzone/Z0123456789/rrset',
    ]),
  );
  // CloudFront and Route 53 have one endpoint, in us-east-1.
  const regions = aws.requests.map(({ name, region: signed }) => [/^(cloudfront|route53) /.test(name), signed]);
  expect(new Set(regions.map(String))).toEqual(new Set(['true,us-east-1', `false,${region}`]));
});

describe('credentials', () => {
  const identify = () => identifyCaller(region, 5000, async () => credentials);

  test('name their account', async () => {
    expect(await identify()).toMatchObject({
      account,
      finding: { verdict: 'ok', found: expect.stringContaining('user/ada') },
    });
  });

  test.each([
    ['ExpiredToken', 'expired', 'aws sso login'],
    ['InvalidClientTokenId', `AWS rejects them in ${region}`, 'has enabled'],
    ['InternalFailure', 'not checked: InternalFailure', 'network'],
  ])('that STS answers with %s are reported with the remedy', async (code, found, mend) => {
    const body = `<ErrorResponse><Error><Code>${code}</Code><Message>The token</Message></Error></ErrorResponse>`;
    aws.replies['sts GetCallerIdentity'] = { status: 403, body };
    expect(await identify()).toMatchObject({
      verdict: 'fail',
      found: expect.stringContaining(found),
      mend: expect.stringContaining(mend),
    });
  });
});

describe('account and region', () => {
  const check = (app: { account?: string; region?: string }, configured: string | undefined) =>
    [...checkEnvironment({ account: undefined, region: undefined, ...app }, account, configured)].map(
      ({ check: name, verdict }) => `${verdict} ${name}`,
    );

  test.each([
    ['an app for the account and region of the credentials', { account, region }, region, ['ok region']],
    ['an app without a region', {}, region, ['ok region']],
    ['an app for another account', { account: '999999999999', region }, region, ['fail account', 'ok region']],
    ['no region at all', {}, undefined, ['fail region']],
    ['a misspelt region', {}, 'eu-wst-1', ['warn region']],
  ])('%s', (_what, app, configured, expected) => {
    expect(check(app, configured)).toEqual(expected);
  });
});

describe('bootstrap', () => {
  test('a region without a bootstrap stack fails, with the command for it', async () => {
    aws.replies['ssm GetParameter'] = { status: 400, code: 'ParameterNotFound', body: {} };
    expect(await finding('bootstrap')).toMatchObject({
      verdict: 'fail',
      mend: `npx cdk bootstrap aws://${account}/${region}`,
    });
  });

  test.each([
    ['5', 'fail'],
    ['6', 'ok'],
  ])('version %s of the bootstrap stack is %s for an app that needs 6', async (Value, verdict) => {
    aws.replies['ssm GetParameter'] = { body: { Parameter: { Value } } };
    expect(await finding('bootstrap')).toMatchObject({ verdict });
  });
});

describe('the stack', () => {
  test.each([
    ['REVIEW_IN_PROGRESS', false, 'ok', undefined],
    ['CREATE_COMPLETE', true, 'ok', undefined],
    ['UPDATE_ROLLBACK_COMPLETE', true, 'ok', undefined],
    ['UPDATE_IN_PROGRESS', false, 'warn', 'Wait'],
    ['ROLLBACK_COMPLETE', false, 'ok', undefined],
    ['ROLLBACK_COMPLETE', true, 'fail', '--no-enable-termination-protection --stack-name Holdfast-dev'],
    ['ROLLBACK_FAILED', false, 'fail', 'delete-stack --stack-name Holdfast-dev'],
    ['DELETE_FAILED', false, 'fail', 'delete-stack --stack-name Holdfast-dev'],
    ['UPDATE_ROLLBACK_FAILED', false, 'fail', 'npx cdk rollback'],
  ])('in the status %s, termination protection %s, is %s', async (status, isProtected, verdict, mend) => {
    stack({ status, isProtected });
    expect(await finding('stack')).toMatchObject({
      verdict,
      ...(mend !== undefined && { mend: expect.stringContaining(mend) }),
    });
  });

  test('of that name without a deployment of Holdfast is a warning', async () => {
    stack({ deployments: [] });
    expect(await finding('stack')).toMatchObject({ verdict: 'warn', mend: expect.stringContaining('cdk diff') });
  });
});

describe('Lambda concurrency', () => {
  const limit = (ConcurrentExecutions: number) => {
    const AccountLimit = { ConcurrentExecutions, UnreservedConcurrentExecutions: ConcurrentExecutions };
    aws.replies['lambda GET /2016-08-19/account-settings'] = { body: { AccountLimit } };
  };
  const reserving = (executions: number) =>
    changed(withCognito, (resources) => {
      const [first] = Object.values(resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');
      first!.Properties.ReservedConcurrentExecutions = executions;
    });

  test('of a new account is a warning with the command for an increase', async () => {
    limit(10);
    expect(await finding('concurrency')).toMatchObject({
      verdict: 'warn',
      found: expect.stringMatching(/^10 /),
      mend: expect.stringContaining('L-B99A9384'),
    });
  });

  test.each([
    [10, 1, 'fail'],
    [1000, 950, 'warn'],
    [1000, 100, 'ok'],
  ])('%d, of which the stack reserves %d, is %s', async (quota, executions, verdict) => {
    limit(quota);
    expect(await finding('concurrency/reserved', reserving(executions))).toMatchObject({ verdict });
  });

  test('counts no reservation twice that the stack has already', async () => {
    limit(10);
    stack();
    expect(await finding('concurrency/reserved', reserving(1))).toBeUndefined();
  });
});

describe('the role for access logs', () => {
  const settings = (cloudwatchRoleArn?: string) => {
    aws.replies['apigateway GET /account'] = { body: { cloudwatchRoleArn } };
  };
  const setting = synthesize({ manageApiGatewayAccount: true });
  test('that the account does not have fails a stack that does not set it', async () => {
    settings();
    expect(await finding('api-gateway/account')).toMatchObject({
      verdict: 'fail',
      mend: expect.stringContaining('manageApiGatewayAccount'),
    });
    expect(await finding('api-gateway/account', setting)).toMatchObject({ verdict: 'ok' });
  });

  test('of another stack is used, or replaced with a warning', async () => {
    settings(`arn:aws:iam::${account}:role/theirs`);
    expect(await finding('api-gateway/account')).toMatchObject({ verdict: 'ok' });
    expect(await finding('api-gateway/account', setting)).toMatchObject({
      verdict: 'warn',
      found: expect.stringContaining('role/theirs'),
    });
  });
});

describe('CloudFront', () => {
  test('of an account without a distribution is a warning: AWS does not state whether the account is verified', async () => {
    aws.replies['cloudfront GET /2020-05-31/distribution'] = {
      body: '<DistributionList><Quantity>0</Quantity></DistributionList>',
    };
    expect(await finding('cloudfront/account')).toMatchObject({
      verdict: 'warn',
      mend: expect.stringContaining('support case'),
    });
    expect(await finding('cloudfront/account', withDomain)).toBeUndefined();
  });

  const policy: [string, string] = ['policy-1', `Holdfast-dev-${region}-documents`];
  const policies = (list: [string, string][]) => {
    aws.replies['cloudfront GET /2020-05-31/cache-policy'] = { body: policyList('CachePolicy', list) };
  };

  test('of an account with a cache policy of the same name fails, unless it is that of the stack', async () => {
    policies([policy]);
    expect(await finding('cloudfront/cache-policy')).toMatchObject({
      verdict: 'fail',
      found: expect.stringContaining(policy[1]),
    });
    stack({ resources: ['policy-1'] });
    expect(await finding('cloudfront/cache-policy')).toMatchObject({ verdict: 'ok' });
  });

  test('of an account with as many cache policies as the default quota is a warning', async () => {
    policies(Array.from({ length: 20 }, (_, index) => [`policy-${index}`, `other-${index}`]));
    expect(await finding('cloudfront/cache-policy')).toMatchObject({ verdict: 'warn' });
  });
});

describe('a certificate', () => {
  test.each<[string, AwsReply, string, string]>([
    ['of the domain', { body: certificate() }, 'ok', ''],
    ['with a wildcard', { body: certificate({ SubjectAlternativeNames: ['*.example.com'] }) }, 'ok', ''],
    [
      'with a wildcard for a single label above the name',
      { body: certificate({ SubjectAlternativeNames: ['*.com'] }) },
      'fail',
      'Request another',
    ],
    ['that is not validated', { body: certificate({ Status: 'PENDING_VALIDATION' }) }, 'fail', 'CNAME'],
    ['that was revoked', { body: certificate({ Status: 'REVOKED' }) }, 'fail', 'Request another'],
    ['that has expired', { body: certificate({ NotAfter: now / 1000 - 1 }) }, 'fail', 'Request another'],
    [
      'of another name',
      { body: certificate({ SubjectAlternativeNames: ['*.mcp.example.com'] }) },
      'fail',
      'Request another',
    ],
    [
      'that ends soon and was imported',
      { body: certificate({ NotAfter: now / 1000 + 86_400, RenewalEligibility: 'INELIGIBLE' }) },
      'warn',
      'Import',
    ],
    ['that does not exist', { status: 400, code: 'ResourceNotFoundException', body: {} }, 'fail', 'list-certificates'],
  ])('%s', async (_what, answer, verdict, mend) => {
    aws.replies['acm DescribeCertificate'] = answer;
    expect(await finding('certificate', withDomain)).toMatchObject({
      verdict,
      ...(mend !== '' && { mend: expect.stringContaining(mend) }),
    });
  });

  test('in another region fails without a request for it', async () => {
    const elsewhere = changed(withDomain, (resources) => {
      const domain = Object.values(resources).find(({ Type }) => Type === 'AWS::ApiGateway::DomainName')!;
      domain.Properties.RegionalCertificateArn = `arn:aws:acm:us-east-1:${account}:certificate/0a1b`;
    });
    expect(await finding('certificate', elsewhere)).toMatchObject({
      verdict: 'fail',
      mend: expect.stringContaining(region),
    });
    expect(aws.requests.filter(({ name }) => name.startsWith('acm'))).toEqual([]);
  });
});

describe('a domain', () => {
  test('that another API has fails, unless it is that of the stack', async () => {
    aws.replies['apigateway GET /domainnames/mcp.example.com'] = { body: { domainName: 'mcp.example.com' } };
    expect(await finding('domain/name', withDomain)).toMatchObject({ verdict: 'fail' });
    stack({ resources: ['mcp.example.com'] });
    expect(await finding('domain/name', withDomain)).toMatchObject({ verdict: 'ok' });
  });

  const ZONE = 'route53 GET /2013-04-01/hostedzone/Z0123456789';
  const noZone =
    '<ErrorResponse><Error><Code>NoSuchHostedZone</Code><Message>No hosted zone</Message></Error></ErrorResponse>';

  test.each<[string, AwsReply, string]>([
    ['that does not exist', { status: 404, body: noZone }, 'list-hosted-zones'],
    ['of another domain', { body: hostedZone('example.org.') }, 'zone of the domain name'],
    ['whose name is the end of a label', { body: hostedZone('ample.com.') }, 'zone of the domain name'],
    ['that is private', { body: hostedZone('example.com.', true) }, 'public zone'],
  ])('with a hosted zone %s fails', async (_what, answer, mend) => {
    aws.replies[ZONE] = answer;
    expect(await finding('domain/zone', withDomain)).toMatchObject({
      verdict: 'fail',
      mend: expect.stringContaining(mend),
    });
  });

  test('with a record outside the stack fails', async () => {
    aws.replies[`${ZONE}/rrset`] = { body: recordSets([['mcp.example.com.', 'A']]) };
    expect(await finding('domain/zone', withDomain)).toMatchObject({ verdict: 'fail' });
    stack({ resources: ['mcp.example.com'] });
    expect(await finding('domain/zone', withDomain)).toMatchObject({ verdict: 'ok' });
    cloudFormation.stacks = [];
    for (const other of [recordSets([['next.example.com.', 'A']]), recordSets([['mcp.example.com.', 'TXT']])]) {
      aws.replies[`${ZONE}/rrset`] = { body: other };
      expect(await finding('domain/zone', withDomain)).toMatchObject({ verdict: 'ok' });
    }
  });
});

describe('user pools', () => {
  /** Two pages of them. */
  const inUse = (count: number, quota: number) => {
    const pools = (length: number) => Array.from({ length }, (_, index) => ({ Id: `${region}_${length}-${index}` }));
    aws.replies['servicequotas GetServiceQuota'] = { body: { Quota: { Value: quota } } };
    aws.replies['cognito-idp ListUserPools'] = ({ NextToken }) => ({
      body: NextToken ? { UserPools: pools(count - 60) } : { UserPools: pools(60), NextToken: 'more' },
    });
  };

  test.each([
    [80, 100, 'ok'],
    [95, 100, 'warn'],
    [100, 100, 'fail'],
  ])('%d of %d in use are %s', async (count, quota, verdict) => {
    inUse(count, quota);
    expect(await finding('cognito/pools')).toMatchObject({
      verdict,
      found: expect.stringContaining(`${count} of ${quota}`),
    });
  });

  test('at the quota are no problem for a stack that has its pool', async () => {
    inUse(100, 100);
    stack({ resources: [`${region}_60-0`] });
    expect(await finding('cognito/pools')).toMatchObject({ verdict: 'ok' });
  });
});

describe('an identity provider', () => {
  const secretArn = `arn:aws:secretsmanager:eu-west-2:${account}:secret:holdfast-AbCdEf`;
  let provider: ScriptedProvider;
  let template: SynthesizedTemplate;
  /** At a domain, so that the redirect URI is known. */
  let atDomain: SynthesizedTemplate;

  beforeAll(async () => {
    provider = await ScriptedProvider.start({
      authentication: 'client_secret_basic',
      scopes: ['openid', 'offline_access'],
    });
    template = signingInAt(withCognito);
    atDomain = signingInAt(withDomain);
  });
  afterAll(() => provider.stop());
  beforeEach(() => {
    provider.down = false;
    provider.refuses = undefined;
    provider.interfere = undefined;
    aws.replies['secretsmanager GetSecretValue'] = { body: { SecretString: CLIENT.secret } };
  });

  const signingInAt = (base: SynthesizedTemplate) =>
    changed(base, (resources) => {
      for (const { Type, Properties } of Object.values(resources)) {
        const variables = Type === 'AWS::Lambda::Function' ? (Properties.Environment?.Variables ?? {}) : {};
        if (!('IDP_SCOPES' in variables)) continue;
        const client = { IDP_ISSUER: provider.issuer, IDP_CLIENT_ID: CLIENT.id, IDP_CLIENT_SECRET_ARN: secretArn };
        Object.assign(variables, client, { IDP_SCOPES: 'openid offline_access' });
        delete variables.IDP_AUTHENTICATION;
      }
    });

  test('that accepts the client and its secret is no problem', async () => {
    expect(problems(await findings(template))).toEqual([]);
    expect(await finding('identity-provider/client', template)).toMatchObject({ verdict: 'ok' });
    expect(await finding('secrets', template)).toMatchObject({ verdict: 'ok', found: 'holdfast-AbCdEf has a value' });
    // The secret is in another region than the stack.
    expect(aws.requests).toContainEqual({ name: 'secretsmanager GetSecretValue', region: 'eu-west-2' });
  });

  test('that rejects the made-up code for another reason than its grant leaves the client unchecked', async () => {
    provider.interfere = (response) =>
      response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"access_denied"}');
    expect(await finding('identity-provider/client', template)).toMatchObject({
      verdict: 'note',
      found: 'not checked: a made-up code is answered with "access_denied"',
    });
  });

  test('that rejects the client secret fails before the first user signs in, and the secret is not printed', async () => {
    aws.replies['secretsmanager GetSecretValue'] = { body: { SecretString: 'last-years-secret' } };
    const all = await findings(template);
    expect(problems(all)).toEqual(['fail identity-provider/client']);
    expect(JSON.stringify(all)).not.toContain('last-years-secret');
  });

  test('without permission to read the secret is checked without it', async () => {
    aws.replies['secretsmanager GetSecretValue'] = denied;
    const all = await findings(template);
    expect(problems(all)).toEqual(['warn identity-provider/client']);
    expect(all.at(-1)).toMatchObject({ mend: expect.stringContaining('Permit secretsmanager:GetSecretValue') });
  });

  test.each<[string, AwsReply, string]>([
    ['does not exist', { status: 400, code: 'ResourceNotFoundException', body: {} }, 'does not exist'],
    ['is scheduled for deletion', { body: { DeletedDate: 1764500000 } }, 'is scheduled for deletion'],
    ['has no value', { body: { VersionIdsToStages: {} } }, 'has no value'],
  ])('whose secret %s fails', async (_what, answer, found) => {
    aws.replies['secretsmanager DescribeSecret'] = answer;
    expect(await finding('secrets', template)).toMatchObject({
      verdict: 'fail',
      found: expect.stringContaining(found),
    });
  });

  test('behind CloudFront leaves the redirect URI to the time after the deployment', async () => {
    expect(await finding('identity-provider/redirect', template)).toMatchObject({ verdict: 'note' });
  });

  test('that rejects the authorization request at a domain fails', async () => {
    expect(await finding('identity-provider', atDomain)).toMatchObject({ verdict: 'ok' });
    provider.refuses = 'unauthorized_client';
    expect(await finding('identity-provider', atDomain)).toMatchObject({
      verdict: 'fail',
      found: expect.stringContaining('unauthorized_client'),
    });
  });

  test('that has no discovery document at the issuer fails', async () => {
    const wrong = changed(template, (resources) => {
      for (const { Type, Properties } of Object.values(resources)) {
        if (Type !== 'AWS::Lambda::Function' || !('IDP_SCOPES' in (Properties.Environment?.Variables ?? {}))) continue;
        Properties.Environment.Variables.IDP_ISSUER = `${provider.issuer}/elsewhere`;
      }
    });
    expect(problems(await findings(wrong))).toEqual(['fail identity-provider']);
  });

  test('that is down is a warning', async () => {
    provider.down = true;
    expect(problems(await findings(template))).toEqual(['warn identity-provider']);
  });

  test('that rejects the client secret of the dashboard in direct mode fails', async () => {
    aws.replies['secretsmanager GetSecretValue'] = { body: { SecretString: 'last-years-secret' } };
    const direct = changed(template, (resources) => {
      for (const { Type, Properties } of Object.values(resources)) {
        const variables = Type === 'AWS::Lambda::Function' ? (Properties.Environment?.Variables ?? {}) : {};
        delete variables.IDP_SCOPES;
      }
    });
    expect(problems(await findings(direct))).toEqual(['fail identity-provider/client']);
  });

  test('of direct mode fails without a discovery document', async () => {
    const direct = (issuer: string) =>
      changed(withCognito, (resources) => {
        const [authorizer] = Object.values(resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');
        authorizer!.Properties.Environment = { Variables: { DIRECT_ISSUER: issuer } };
      });
    expect(await finding('identity-provider', direct(provider.issuer))).toMatchObject({ verdict: 'ok' });
    expect(await finding('identity-provider', direct(`${provider.issuer}/elsewhere`))).toMatchObject({
      verdict: 'fail',
    });
  });
});

test('an account that permits nothing has a warning for each check, with the permissions', async () => {
  for (const name of Object.keys(aws.replies)) aws.replies[name] = denied;
  const error = { status: 403, code: 'AccessDenied', message: 'not authorized' };
  cloudFormation.errors = { DescribeStacks: error };
  const all = [...(await findings(withCognito)), ...(await findings(withDomain))];
  expect(all.filter(({ verdict }) => verdict !== 'warn')).toEqual([]);
  const unchecked = preflightChecks.filter(({ name }) => !['secrets', 'identity-provider'].includes(name));
  for (const { name, actions } of unchecked) {
    expect(all).toContainEqual(expect.objectContaining({ check: name, mend: expect.stringContaining(actions[0]!) }));
  }
});

test('a service that does not answer prevents its own check alone', async () => {
  aws.silent.add('ssm GetParameter');
  const all = await findings(withCognito, 300);
  expect(problems(all)).toEqual(['warn bootstrap']);
  expect(all[0]).toMatchObject({ found: expect.stringContaining('no response') });
});

test('a response of another shape prevents its own check alone', async () => {
  aws.replies['cognito-idp ListUserPools'] = { body: { UserPools: 'many' } };
  expect(await finding('cognito/pools')).toMatchObject({
    verdict: 'warn',
    found: expect.stringContaining('UserPools'),
  });
});

test('docs/before-you-deploy.md has every check and its permissions', async () => {
  const page = readFileSync(join(__dirname, '../../docs/before-you-deploy.md'), 'utf8');
  const reported = [...(await findings(withCognito)), ...(await findings(withDomain))].map(({ check }) => check);
  expect(reported).toEqual(expect.arrayContaining(['stack', 'cloudfront/cache-policy', 'domain/zone']));
  const documented = [...reported, ...preflightChecks.flatMap(({ actions }) => actions)];
  expect(documented.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
