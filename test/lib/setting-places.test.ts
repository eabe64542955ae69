import { join } from 'node:path';
import { Duration, type Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { UserPool } from 'aws-cdk-lib/aws-cognito';
import { SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { LayerVersion } from 'aws-cdk-lib/aws-lambda';
import type { Node } from 'constructs';
import { declareScopes } from '../../lambda/shared/scope-set.ts';
import type { FunctionBundle, FunctionEntry } from '../../lib/bundle/function-bundle.ts';
import { Holdfast } from '../../lib/holdfast-construct.ts';
import type { CustomDomain } from '../../lib/settings/api-settings.ts';
import type { HoldfastSettings } from '../../lib/settings/holdfast-settings.ts';
import type { IdentityProviderSettings } from '../../lib/settings/identity-provider-settings.ts';
import { settingsFromContext } from '../../lib/settings/settings-from-context.ts';
import { ownerStack, type SynthesizedTemplate } from '../support/synthesized-template.ts';

/**
 * The way of each setting into the template. Every setting has a value that no other has, and the places of the value are
 * listed. A setting that is lost, or that reaches the variable of another one, fails; so does a setting without a row.
 */

type Setting =
  | Exclude<keyof HoldfastSettings, 'domain' | 'identityProvider'>
  | `domain.${keyof CustomDomain}`
  | `identityProvider.${keyof IdentityProviderSettings}`;

/** The texts of a setting's value in the template, with all places of each. */
type Places = Record<string, string[]>;

const secretArn = (name: string) => `arn:aws:secretsmanager:eu-west-1:111122223333:secret:${name}-AbCdEf`;

/** A variable of the MCP function and the worker. */
const server = (...variables: string[]) => variables.flatMap((each) => [`Mcp.${each}`, `Worker.${each}`]);
const signIn = (variable: string) => [`OAuth.${variable}`, ...server(variable)];
const inPolicies = (...roles: string[]) =>
  roles.map((role) => `${role}RoleDefaultPolicy.PolicyDocument.Statement.Resource`);
const functions = [
  'Authorizer',
  'Dashboard',
  'Mcp',
  'OAuth',
  'PublicKeys',
  'Rollup',
  'Telemetry',
  'UpstreamKeys',
  'Worker',
];
const inLogs = (property: string) => [
  ...functions.map((name) => `${name}Logs.${property}`),
  `GatewayAccessLog.${property}`,
];
const inBundles = (member: string) =>
  ['aggregation', 'authorizer', 'dashboard', 'mcp', 'oauth', 'public-key-reader', 'telemetry', 'upstream-keys'].map(
    (name) => `bundle ${name}.ts.${member}`,
  );

const vpcOf = (stack: Stack) =>
  Vpc.fromVpcAttributes(stack, 'Vpc', {
    vpcId: 'vpc-unique',
    availabilityZones: ['a'],
    privateSubnetIds: ['subnet-unique'],
    privateSubnetRouteTableIds: ['rtb-unique'],
    isolatedSubnetIds: ['subnet-isolated'],
    isolatedSubnetRouteTableIds: ['rtb-isolated'],
  });

type BundleOptions = ConstructorParameters<typeof FunctionBundle>[1];

const bundles = new Map<string, BundleOptions>();
jest.mock('../../lib/bundle/function-bundle.ts', () => {
  const actual = jest.requireActual('../../lib/bundle/function-bundle.ts');
  return {
    ...actual,
    FunctionBundle: class extends actual.FunctionBundle {
      constructor(entry: FunctionEntry, options: BundleOptions) {
        super(entry, options);
        const { server, serverContent, scopes, branding, optimizations, fastPath } = options;
        bundles.set(`${entry}.ts`, { server, serverContent, scopes, branding, optimizations, fastPath });
      }
    },
  };
});

/** A value of the template or of the options of a bundle, by its place: the variable of a function, or a property. */
type Leaf = [place: string, text: string];

/** The leaves of a Holdfast with the settings. */
function synthesized(settingsOf: (stack: Stack) => HoldfastSettings): Leaf[] {
  const stack = ownerStack();
  bundles.clear();
  new Holdfast(stack, 'Default', settingsOf(stack));
  const { Resources, Outputs } = Template.fromStack(stack).toJSON() as SynthesizedTemplate;
  const leaves: Leaf[] = [];
  const visit = (path: string, value: unknown) => {
    // The widgets of the dashboard repeat words and numbers of their layout.
    if (path.endsWith('.DashboardBody')) return;
    if (typeof value === 'object' && value !== null) {
      for (const [name, each] of Object.entries(value)) visit(`${path}.${name}`, each);
    } else if (value !== undefined) leaves.push([placeOf(path), String(value)]);
  };
  for (const [id, { Properties }] of Object.entries(Resources)) visit(id, Properties);
  for (const [id, { Value }] of Object.entries(Outputs)) visit(`output ${id}`, Value);
  for (const [entry, options] of bundles) visit(`bundle ${entry}`, options);
  return leaves;
}

/** The suffixes of logical ids and the positions in lists are no part of a place. */
const placeOf = (path: string) =>
  path
    .replace(/^(\w+?)[0-9A-F]{8}(?:[0-9a-f]{32})?(?=\.)/, '$1')
    .replace(/^(\w+)Function\.Environment\.Variables\./, '$1.')
    .replace(/\.Fn::Join(\.\d+)*/g, '')
    .replaceAll(/\.\d+(?=\.|$)/g, '');

/** The places of the text as a whole word, each once. */
function placesOf(leaves: Leaf[], text: string): string[] {
  const word = new RegExp(`(?<![\\w.])${text.replaceAll(/[.:/@+-]/g, '\\$&')}(?!\\w)`);
  return [...new Set(leaves.flatMap(([place, leaf]) => (word.test(leaf) ? [place] : [])))].sort();
}

const difference = (some: Set<string>, other: Set<string>) => [...some].filter((each) => !other.has(each));

/** The resources, outputs and bundles of which a leaf differs. */
function changedParts(some: Leaf[], other: Leaf[]): string[] {
  const texts = (leaves: Leaf[]) => new Set(leaves.map((leaf) => leaf.join('\n')));
  const different = [...difference(texts(some), texts(other)), ...difference(texts(other), texts(some))];
  return [...new Set(different.map((each) => each.split(/[.\n]/)[0]!))].sort();
}

/** Every setting that a deployment with an identity provider and a domain can have. */
function facadeSettings(stack: Stack): HoldfastSettings {
  const vpc = vpcOf(stack);
  return {
    domain: {
      domainName: 'unique.example.com',
      certificate: 'arn:aws:acm:eu-west-1:111122223333:certificate/unique-certificate',
      hostedZone: { hostedZoneId: 'Z0UNIQUE', zoneName: 'example.com' },
    },
    authorizerCacheTtl: Duration.seconds(211),
    throttle: { rate: 3371, burst: 6737 },
    oauthThrottle: { rate: 1931, burst: 2939 },
    identityProvider: {
      issuer: 'https://unique-issuer.example.com',
      clientId: 'unique-client',
      clientSecret: secretArn('unique_client_secret'),
      authentication: 'client_secret_basic',
      exchangeClient: { clientId: 'unique-exchange', clientSecret: secretArn('unique_exchange_secret') },
      scopes: ['openid', 'unique-scope'],
      dashboardScopes: ['openid', 'unique-dashboard-scope'],
      parameters: { organization: 'unique-parameter' },
      groupClaims: ['unique-claim'],
      groups: ['unique-group'],
      name: 'Unique Provider',
    },
    accessTokenTtl: Duration.minutes(37),
    signingKeys: ['unique1'],
    grantIdleTimeout: Duration.days(53),
    grantAbsoluteTimeout: Duration.days(2731),
    refreshWindow: Duration.seconds(1913),
    redirectSchemes: ['unique-scheme'],
    upstreamTokens: true,
    clients: [{ id: 'unique-preregistered', name: 'Unique', redirectUris: ['https://unique-redirect.example.com/'] }],
    clientDocuments: 'allow-list',
    clientDocumentHosts: ['unique-documents.example.com'],
    dynamicRegistration: 'allow-list',
    dynamicRegistrationRedirects: ['unique-registration.example.com'],
    machineClients: { 'unique-machine': { jwksUri: 'https://unique-keys.example.com/', scopes: ['unique_base'] } },
    machineTokenTtl: Duration.minutes(43),
    workloads: [
      { name: 'unique-job', issuer: 'https://unique-platform.example.com', subject: 's', scopes: ['unique_base'] },
    ],
    enterpriseIssuers: [{ issuer: 'https://unique-enterprise.example.com' }],
    sessionTtl: Duration.hours(1117),
    sessionTtlByGroup: { 'unique-staff': Duration.hours(1231) },
    staleSession: 'reject',
    toolTimeout: Duration.seconds(823),
    listenTimeout: Duration.seconds(413),
    allowedOrigins: ['http://unique-origin.example.com'],
    taskTtl: Duration.hours(617),
    memorySize: 1733,
    environment: { UNIQUE_VARIABLE: 'unique-value' },
    vpc,
    vpcSubnets: { subnets: vpc.isolatedSubnets },
    securityGroups: [SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-unique')],
    reservedConcurrentExecutions: 7919,
    provisionedConcurrentExecutions: 7907,
    secrets: { UNIQUE: secretArn('unique-secret') },
    upstreams: { unique: { url: 'https://unique-upstream.example.com/mcp', audience: 'unique-audience' } },
    upstreamSigningKeys: ['unique2'],
    assets: ['unique-folder'],
    external: ['unique-package'],
    layers: [LayerVersion.fromLayerVersionArn(stack, 'Layer', 'arn:aws:lambda:eu-west-1:111122223333:layer:unique:1')],
    name: 'Unique Name',
    icon: join(__dirname, '../support/hostile-icon.svg'),
    scopes: declareScopes({ scopes: { unique_base: { description: 'Unique description' } }, tools: {} }),
    server: join(__dirname, '../support/fixture-server.ts'),
    auditMethods: 'all',
    auditArguments: 'redacted',
    auditErrors: 'message',
    auditRetention: Duration.days(1471),
    telemetry: {
      endpoint: 'https://unique-telemetry.example.com',
      headers: secretArn('unique-headers'),
      signals: ['metrics'],
      serviceName: 'unique-service',
      users: true,
    },
    adminsGroup: 'unique-admins',
    showNames: 'email',
    logRetention: 400,
    accessLogClass: 'infrequent-access',
    encryptionKey: 'arn:aws:kms:eu-west-1:111122223333:key/unique-key',
    alarmEmail: 'unique@example.com',
    runbookUrl: 'https://unique-runbook.example',
    operations: true,
    alarms: { latency: { threshold: 54321, evaluationPeriods: 217 } },
  };
}

const direct: HoldfastSettings = {
  identityProvider: {
    mode: 'direct',
    profile: 'workos',
    issuer: 'https://unique-direct.example.com',
    audience: 'unique-direct-audience',
    jwksUri: 'https://unique-keys.example.com/jwks',
    scopes: ['unique-direct-scope'],
    groupClaims: ['unique-direct-claim'],
    groups: ['unique-direct-group'],
  },
  operations: true,
  alarmTopic: 'arn:aws:sns:eu-west-1:111122223333:unique-topic',
};

const directAlarms = [
  'AuditFailures',
  'AuthorizerFailures',
  'ServerErrors',
  'SessionFailures',
  'Throttling',
  'WorkerErrors',
];

const facadeAlarms = [
  'AssertionRefusals',
  'CodeReuse',
  'Latency',
  'RefreshReuse',
  'SignInMisconfigured',
  'SignInOutages',
  'TelemetryFailures',
];

const facadePlaces = {
  'domain.domainName': {
    'unique.example.com': [
      ...['Authorizer', 'Dashboard', 'Mcp', 'OAuth', 'Worker'].map((name) => `${name}.PUBLIC_URL`),
      'HostnameAddress.Name',
      'HostnameAddressIpv6.Name',
      'HostnameDomain.DomainName',
      'ResponsesUNAUTHORIZED.ResponseParameters.gatewayresponse.header.WWW-Authenticate',
      ...['CallbackUrl', 'DashboardUrl', 'Deployment', 'McpUrl'].map((name) => `output ${name}`),
    ],
  },
  'domain.certificate': { 'unique-certificate': ['HostnameDomain.RegionalCertificateArn'] },
  'domain.hostedZone': { Z0UNIQUE: ['HostnameAddress.HostedZoneId', 'HostnameAddressIpv6.HostedZoneId'] },
  authorizerCacheTtl: { 211: ['GatewayAuthorizer.AuthorizerResultTtlInSeconds'] },
  throttle: {
    3371: ['GatewayApiDeploymentStagev1.MethodSettings.ThrottlingRateLimit'],
    6737: ['GatewayApiDeploymentStagev1.MethodSettings.ThrottlingBurstLimit'],
  },
  oauthThrottle: {
    1931: ['GatewayApiDeploymentStagev1.MethodSettings.ThrottlingRateLimit'],
    2939: ['GatewayApiDeploymentStagev1.MethodSettings.ThrottlingBurstLimit'],
  },
  'identityProvider.issuer': { 'unique-issuer.example.com': [...signIn('IDP_ISSUER'), 'output Deployment'] },
  'identityProvider.clientId': { 'unique-client': signIn('IDP_CLIENT_ID') },
  'identityProvider.clientSecret': {
    'unique_client_secret-AbCdEf': [...signIn('IDP_CLIENT_SECRET_ARN'), ...inPolicies('Mcp', 'OAuth', 'Worker')],
  },
  'identityProvider.authentication': { client_secret_basic: signIn('IDP_AUTHENTICATION') },
  'identityProvider.exchangeClient': {
    'unique-exchange': ['Mcp.IDP_EXCHANGE_CLIENT_ID', 'Worker.IDP_EXCHANGE_CLIENT_ID'],
    'unique_exchange_secret-AbCdEf': [
      ...['Mcp', 'Worker'].map((name) => `${name}.IDP_EXCHANGE_CLIENT_SECRET_ARN`),
      ...inPolicies('Mcp', 'Worker'),
    ],
  },
  'identityProvider.scopes': { 'unique-scope': ['OAuth.IDP_SCOPES'] },
  'identityProvider.dashboardScopes': { 'unique-dashboard-scope': ['OAuth.IDP_DASHBOARD_SCOPES'] },
  'identityProvider.parameters': {
    'unique-parameter': ['OAuth.IDP_PARAMETERS', 'OAuth.IDP_DASHBOARD_PARAMETERS'],
  },
  'identityProvider.groupClaims': { 'unique-claim': signIn('IDP_GROUP_CLAIMS') },
  'identityProvider.groups': { 'unique-group': signIn('IDP_GROUPS') },
  'identityProvider.name': { 'Unique Provider': ['OAuth.IDP_NAME'] },
  accessTokenTtl: { 37: ['OAuth.ACCESS_TOKEN_MINUTES'] },
  signingKeys: { unique1: ['SigningKeyunique1Key.Description'] },
  grantIdleTimeout: { 53: ['Dashboard.GRANT_IDLE_DAYS', 'OAuth.GRANT_IDLE_DAYS', 'output Deployment'] },
  grantAbsoluteTimeout: { 2731: ['OAuth.GRANT_ABSOLUTE_DAYS'] },
  refreshWindow: { 1913: ['OAuth.REFRESH_WINDOW_SECONDS'] },
  redirectSchemes: { 'unique-scheme': ['OAuth.REDIRECT_SCHEMES'] },
  clients: { 'unique-preregistered': ['OAuth.CLIENTS'] },
  machineClients: { 'unique-machine': ['OAuth.MACHINE_CLIENTS'], 'unique-keys.example.com': ['OAuth.MACHINE_CLIENTS'] },
  machineTokenTtl: { 43: ['OAuth.MACHINE_TOKEN_MINUTES'] },
  workloads: { 'unique-job': ['OAuth.WORKLOADS'] },
  enterpriseIssuers: { 'unique-enterprise.example.com': ['OAuth.ENTERPRISE_ISSUERS'] },
  clientDocuments: { 'allow-list': ['OAuth.CLIENT_DOCUMENTS', 'OAuth.DYNAMIC_REGISTRATION'] },
  clientDocumentHosts: { 'unique-documents.example.com': ['OAuth.CLIENT_DOCUMENT_HOSTS'] },
  dynamicRegistration: { 'allow-list': ['OAuth.CLIENT_DOCUMENTS', 'OAuth.DYNAMIC_REGISTRATION'] },
  dynamicRegistrationRedirects: { 'unique-registration.example.com': ['OAuth.DYNAMIC_REGISTRATION_REDIRECTS'] },
  sessionTtl: {
    1117: ['Dashboard.MCP_SESSION_TTL_HOURS', ...server('MCP_SESSION_TTL_HOURS'), 'output Deployment'],
  },
  sessionTtlByGroup: {
    'unique-staff': [...server('MCP_SESSION_TTL_HOURS_BY_GROUP'), ...signIn('IDP_GROUPS')],
    1231: [...server('MCP_SESSION_TTL_HOURS_BY_GROUP'), 'Telemetry.MCP_SESSION_TTL_HOURS'],
  },
  staleSession: { reject: server('STALE_SESSION') },
  toolTimeout: {
    823: ['McpFunction.Timeout'],
    823000: ['GatewayApimcpANY.Integration.TimeoutInMillis'],
    740: server('HOLD_SECONDS'),
  },
  listenTimeout: { 413: server('LISTEN_SECONDS') },
  allowedOrigins: { 'http://unique-origin.example.com': server('ALLOWED_ORIGINS') },
  taskTtl: { 617: server('TASK_TTL_HOURS') },
  memorySize: { 1733: ['McpFunction.MemorySize', 'WorkerFunction.MemorySize'] },
  environment: { 'unique-value': server('UNIQUE_VARIABLE') },
  vpc: {},
  vpcSubnets: { 'subnet-isolated': ['McpFunction.VpcConfig.SubnetIds', 'WorkerFunction.VpcConfig.SubnetIds'] },
  securityGroups: {
    'sg-unique': ['McpFunction.VpcConfig.SecurityGroupIds', 'WorkerFunction.VpcConfig.SecurityGroupIds'],
  },
  reservedConcurrentExecutions: {
    7919: ['McpFunction.ReservedConcurrentExecutions', 'WorkerFunction.ReservedConcurrentExecutions'],
  },
  provisionedConcurrentExecutions: {
    7907: ['McpFunctionAliaslive.ProvisionedConcurrencyConfig.ProvisionedConcurrentExecutions'],
  },
  secrets: { 'unique-secret': [...server('SECRET_ARN_UNIQUE'), ...inPolicies('Mcp', 'Worker')] },
  upstreams: {
    'unique-upstream.example.com': server('UPSTREAMS'),
    'unique-audience': server('UPSTREAMS'),
  },
  upstreamSigningKeys: { unique2: ['UpstreamsKeyunique2Key.Description'] },
  assets: { 'unique-folder': ['bundle mcp.ts.serverContent.assets'] },
  external: { 'unique-package': ['bundle mcp.ts.serverContent.external'] },
  layers: { 'layer:unique:1': ['McpFunction.Layers', 'WorkerFunction.Layers'] },
  server: { 'support/fixture-server.ts': ['bundle mcp.ts.server'] },
  scopes: { 'Unique description': inBundles('scopes.scopes.unique_base.description') },
  name: { 'Unique Name': inBundles('branding.name') },
  icon: { 'data:image/svg+xml': inBundles('branding.icon') },
  auditMethods: { all: signIn('AUDIT_METHODS') },
  auditArguments: { redacted: signIn('AUDIT_ARGUMENTS') },
  auditErrors: { message: signIn('AUDIT_ERRORS') },
  auditRetention: {
    1471: [
      ...['Dashboard', 'Mcp', 'Rollup', 'Worker'].map((name) => `${name}.AUDIT_RETENTION_DAYS`),
      'output Deployment',
    ],
  },
  telemetry: {
    'unique-telemetry.example.com': ['Telemetry.TELEMETRY_ENDPOINT'],
    'unique-headers': ['Telemetry.TELEMETRY_HEADERS_ARN', ...inPolicies('Telemetry')],
    metrics: ['Telemetry.TELEMETRY_SIGNALS'],
    'unique-service': ['Telemetry.TELEMETRY_SERVICE_NAME'],
  },
  adminsGroup: { 'unique-admins': ['Dashboard.ADMINS_GROUP', ...signIn('IDP_GROUPS')] },
  showNames: { email: ['OAuth.NAME_CLAIM', 'OperationsTopicuniqueexamplecom.Protocol'] },
  logRetention: { 400: inLogs('RetentionInDays') },
  accessLogClass: { INFREQUENT_ACCESS: ['GatewayAccessLog.LogGroupClass'] },
  encryptionKey: {
    'unique-key': [
      ...inLogs('KmsKeyId'),
      'Table.Replicas.SSESpecification.KMSMasterKeyId',
      ...inPolicies('Dashboard', 'Mcp', 'OAuth', 'Rollup', 'Telemetry', 'Worker'),
    ],
  },
  alarmEmail: { 'unique@example.com': ['OperationsTopicuniqueexamplecom.Endpoint'] },
  runbookUrl: {
    'unique-runbook.example': [...directAlarms, ...facadeAlarms].map((name) => `Operations${name}.AlarmDescription`),
  },
  alarms: { 54321: ['OperationsLatency.Threshold'], 217: ['OperationsLatency.EvaluationPeriods'] },
} satisfies Partial<Record<Setting, Places>>;

const directPlaces = {
  'identityProvider.mode': {
    'unique-direct.example.com': ['Authorizer.DIRECT_ISSUER', 'Discovery.AUTHORIZATION_SERVER', 'output Deployment'],
  },
  'identityProvider.audience': { 'unique-direct-audience': ['Authorizer.DIRECT_AUDIENCE'] },
  'identityProvider.jwksUri': { 'unique-keys.example.com': ['Authorizer.DIRECT_JWKS_URI'] },
  'identityProvider.scopes': {
    'unique-direct-scope': [
      'Discovery.SCOPES',
      'ResponsesUNAUTHORIZED.ResponseParameters.gatewayresponse.header.WWW-Authenticate',
    ],
  },
  'identityProvider.groupClaims': { 'unique-direct-claim': ['Authorizer.DIRECT_GROUP_CLAIMS'] },
  'identityProvider.groups': { 'unique-direct-group': ['Authorizer.DIRECT_GROUPS'] },
  alarmTopic: {
    'unique-topic': directAlarms.flatMap((name) => [`Operations${name}.AlarmActions`, `Operations${name}.OKActions`]),
  },
} satisfies Partial<Record<Setting, Places>>;

/** Settings whose values the template does not contain: the resources and functions that differ between two values. */
type Switch = { from: HoldfastSettings; to: HoldfastSettings; differ: RegExp };

const domain = { domainName: 'mcp.example.com', certificate: 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b' };
const provider = { issuer: 'https://login.example.com', clientId: 'holdfast' };

const switches = {
  stage: { from: {}, to: { stage: 'prod', operations: false }, differ: /^(Table|UsersPool|SealKey|SigningKey)$/ },
  firewall: { from: { domain }, to: { domain, firewall: true }, differ: /^Firewall(WebAcl|Association)$/ },
  manageApiGatewayAccount: {
    from: { manageApiGatewayAccount: false },
    to: { manageApiGatewayAccount: true },
    differ: /^GatewayAccount(Role|Settings)$/,
  },
  operations: { from: {}, to: { operations: true }, differ: /^(Operations\w+|output OperationsDashboard)$/ },
  dashboard: {
    from: { dashboard: false },
    to: { dashboard: true },
    differ:
      /^(bundle dashboard|output (DashboardUrl|Deployment)|OAuth|(Dashboard|GatewayApi(dashboard|Deployment|ApiPermission)|HostnameD)\w*)$/,
  },
  auditTools: {
    from: {},
    to: { auditTools: true },
    differ:
      /^(bundle [\w-]+|output AuditToolsUrl|\w+Function|(AuditTools|AuthorizerFunction\w+AuditAuthorizer|GatewayAuditAuthorizer|GatewayApi(mcpaudit|Deployment|ApiPermission))\w*)$/,
  },
  personalTokens: {
    from: {},
    to: { personalTokens: {} },
    differ:
      /^(output Deployment|Authorizer|OAuth(RoleDefaultPolicy)?|Dashboard|GatewayApi(dashboardtokens|Deployment)\w*)$/,
  },
  upstreamTokens: {
    from: {},
    to: { upstreamTokens: true },
    differ: /^(Mcp|Worker)(RoleDefaultPolicy)?$|^OAuth$/,
  },
  tracing: {
    from: {},
    to: { tracing: true },
    differ: /^(Mcp|Worker)(Function|RoleDefaultPolicy)$|^GatewayApiDeploymentStagev1$/,
  },
  lambdaSystemLogs: { from: {}, to: { lambdaSystemLogs: true }, differ: /^\w+Function$/ },
  optimizations: { from: {}, to: { optimizations: false }, differ: /^bundle |Function$/ },
  fastPath: { from: {}, to: { fastPath: false }, differ: /^bundle |Function$/ },
  enterpriseAuthorization: {
    from: { identityProvider: provider },
    to: { identityProvider: provider, enterpriseAuthorization: true },
    differ: /^OAuth$/,
  },
  unsafelyFetchClientDocumentsFromAnywhere: {
    from: {},
    to: { unsafelyFetchClientDocumentsFromAnywhere: true },
    differ: /^OAuth$/,
  },
  'identityProvider.profile': {
    from: { identityProvider: { ...provider, issuer: 'https://login.example.com/realms/unique' } },
    to: {
      identityProvider: { ...provider, issuer: 'https://login.example.com/realms/unique', profile: 'keycloak' },
    },
    differ: /^OAuth$/,
  },
} satisfies Partial<Record<Setting, Switch>>;

/** Rows in three tables; a setting without one does not compile. */
const rows: Record<Exclude<Setting, 'userPool'>, unknown> = { ...facadePlaces, ...directPlaces, ...switches };

describe('the value of a setting is in its places, and in no others', () => {
  const facade = synthesized(facadeSettings);
  const directTemplate = synthesized(() => direct);

  test.each(Object.entries<Places>(facadePlaces))('%s', (_name, places) => {
    for (const [text, expected] of Object.entries(places))
      expect([text, placesOf(facade, text)]).toEqual([text, expected.toSorted()]);
  });

  test.each(Object.entries<Places>(directPlaces))('%s in direct mode', (_name, places) => {
    for (const [text, expected] of Object.entries(places))
      expect([text, placesOf(directTemplate, text)]).toEqual([text, expected.toSorted()]);
  });

  test('userPool: the pool of the client, of the branding, and of the issuer', () => {
    const template = synthesized((stack) => ({ userPool: UserPool.fromUserPoolId(stack, 'Pool', 'eu-west-1_unique') }));
    expect(placesOf(template, 'eu-west-1_unique')).toEqual([
      'OAuth.IDP_ISSUER',
      'UsersFacade.UserPoolId',
      'UsersLoginPage.UserPoolId',
      'output AddUser',
      'output Deployment',
      'output UserPoolId',
    ]);
  });
});

describe('a setting changes its resources, and no others', () => {
  test.each(Object.entries<Switch>(switches))('%s', (_name, { from, to, differ }) => {
    const changed = changedParts(
      synthesized(() => from),
      synthesized(() => to),
    );
    expect(changed.length).toBeGreaterThan(0);
    expect(changed.filter((each) => !differ.test(each))).toEqual([]);
  });

  test('every setting has a row', () => {
    expect(Object.keys(rows).length).toBeGreaterThan(60);
  });
});

/** Every context name, with the setting that it gives and the value. */
const contextNames: Record<string, [setting: string, given: string, value: unknown]> = {
  stage: ['stage', 'prod', 'prod'],
  terminationProtection: ['terminationProtection', 'false', false],
  manageApiGatewayAccount: ['manageApiGatewayAccount', 'true', true],
  name: ['name', 'Unique Name', 'Unique Name'],
  icon: ['icon', 'unique.svg', 'unique.svg'],
  firewall: ['firewall', 'true', true],
  operations: ['operations', 'false', false],
  lambdaSystemLogs: ['lambdaSystemLogs', 'true', true],
  alarmEmail: ['alarmEmail', 'unique@example.com', 'unique@example.com'],
  runbookUrl: ['runbookUrl', 'https://unique-runbook.example', 'https://unique-runbook.example'],
  alarmTopicArn: ['alarmTopic', 'unique-topic', 'unique-topic'],
  dashboard: ['dashboard', 'false', false],
  auditTools: ['auditTools', 'true', true],
  adminsGroup: ['adminsGroup', 'unique-admins', 'unique-admins'],
  showNames: ['showNames', 'email', 'email'],
  optimizations: ['optimizations', 'false', false],
  fastPath: ['fastPath', 'false', false],
  redirectSchemes: ['redirectSchemes', 'one,two', ['one', 'two']],
  memorySize: ['memorySize', '1733', 1733],
  toolTimeoutMinutes: ['toolTimeout', '0.5', Duration.seconds(30)],
  reservedConcurrentExecutions: ['reservedConcurrentExecutions', '61', 61],
  provisionedConcurrentExecutions: ['provisionedConcurrentExecutions', '59', 59],
  tracing: ['tracing', 'true', true],
  encryptionKeyArn: ['encryptionKey', 'unique-key', 'unique-key'],
  clients: ['clients', '[{"id":"unique"}]', [{ id: 'unique' }]],
  machineClients: ['machineClients', '{"unique":{}}', { unique: {} }],
  workloads: ['workloads', '[{"name":"unique"}]', [{ name: 'unique' }]],
  enterpriseIssuers: ['enterpriseIssuers', '[{"issuer":"unique-idp"}]', [{ issuer: 'unique-idp' }]],
  enterpriseAuthorization: ['enterpriseAuthorization', 'true', true],
  clientDocuments: ['clientDocuments', 'allow-list', 'allow-list'],
  clientDocumentHosts: [
    'clientDocumentHosts',
    'one.example.com two.example.com',
    ['one.example.com', 'two.example.com'],
  ],
  dynamicRegistration: ['dynamicRegistration', 'off', 'off'],
  dynamicRegistrationRedirects: ['dynamicRegistrationRedirects', 'unique-redirect', ['unique-redirect']],
  unsafelyFetchClientDocumentsFromAnywhere: ['unsafelyFetchClientDocumentsFromAnywhere', 'true', true],
  idpIssuer: ['identityProvider.issuer', 'unique-issuer', 'unique-issuer'],
  idpClientId: ['identityProvider.clientId', 'unique-client', 'unique-client'],
  idpProfile: ['identityProvider.profile', 'auth0', 'auth0'],
  idpMode: ['identityProvider.mode', 'facade', 'facade'],
  idpClientSecretArn: ['identityProvider.clientSecret', 'unique-secret', 'unique-secret'],
  idpAuthentication: ['identityProvider.authentication', 'client_secret_post', 'client_secret_post'],
  idpScopes: ['identityProvider.scopes', 'openid unique-scope', ['openid', 'unique-scope']],
  idpDashboardScopes: ['identityProvider.dashboardScopes', 'unique-dashboard', ['unique-dashboard']],
  idpName: ['identityProvider.name', 'Unique Provider', 'Unique Provider'],
  idpParameters: ['identityProvider.parameters', 'audience=unique', { audience: 'unique' }],
  idpGroupClaims: ['identityProvider.groupClaims', 'unique-claim', ['unique-claim']],
  idpGroups: ['identityProvider.groups', 'unique-group', ['unique-group']],
  idpAudience: ['identityProvider.audience', 'unique-audience', 'unique-audience'],
  domainName: ['domain.domainName', 'unique.example.com', 'unique.example.com'],
  certificateArn: ['domain.certificate', 'unique-certificate', 'unique-certificate'],
  hostedZoneId: ['domain.hostedZone.hostedZoneId', 'Z0UNIQUE', 'Z0UNIQUE'],
  hostedZoneName: ['domain.hostedZone.zoneName', 'example.org', 'example.org'],
  telemetryEndpoint: ['telemetry.endpoint', 'unique-telemetry', 'unique-telemetry'],
  telemetryHeadersArn: ['telemetry.headers', 'unique-headers', 'unique-headers'],
  telemetryXRay: ['telemetry.xRay', 'true', true],
};

/** Sets a member at a path. */
function assign(target: Record<string, unknown>, [name, ...rest]: string[], value: unknown): void {
  if (rest.length === 0) {
    target[name!] = value;
    return;
  }
  target[name!] ??= {};
  assign(target[name!] as Record<string, unknown>, rest, value);
}

/** The node of an app with these context values, and the names that are read. */
function recordingNode(context: Record<string, string>) {
  const names = new Set<string>();
  const tryGetContext = (name: string) => {
    names.add(name);
    return context[name];
  };
  return { names, node: { tryGetContext, getAllContext: () => context } as unknown as Node };
}

describe('a context name', () => {
  test('gives one setting its value, and changes no other', () => {
    const { names, node } = recordingNode(
      Object.fromEntries(Object.entries(contextNames).map(([name, [, given]]) => [name, given])),
    );
    const settings = settingsFromContext(node) as Record<string, unknown>;
    expect([...names].sort()).toEqual(Object.keys(contextNames).sort());
    const expected: Record<string, unknown> = {};
    for (const [setting, , value] of Object.values(contextNames)) assign(expected, setting.split('.'), value);
    expect(settings).toEqual(expected);
  });
});
