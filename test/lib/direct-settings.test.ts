import { dashboardSignInVariables } from '../../lambda/shared/dashboard-sign-in-environment.ts';
import {
  aggregationVariables,
  authorizerVariables,
  dashboardVariables,
  discoveryVariables,
  mcpVariables,
  readEnvironment,
} from '../../lambda/shared/environment.ts';
import type { HoldfastStackProps } from '../../lib/holdfast-stack.ts';
import {
  onlyOne,
  resolve,
  resourcesOf,
  type SynthesizedTemplate,
  synthesize,
} from '../support/synthesized-template.ts';

/** Direct mode: the stack without the facade, because the identity provider issues the tokens. */

const props: HoldfastStackProps = {
  identityProvider: { profile: 'workos', mode: 'direct', issuer: 'https://example.authkit.app' },
};
const template = synthesize(props);

const functionNamed = (name: string, { Resources }: SynthesizedTemplate = template) =>
  Object.entries(Resources).find(
    ([id, { Type }]) => Type === 'AWS::Lambda::Function' && id.startsWith(`${name}Function`),
  )?.[1].Properties;

const environmentOf = (name: string, from?: SynthesizedTemplate) =>
  resolve(functionNamed(name, from).Environment.Variables) as Record<string, string>;

test('the stack has no signing key, no user pool and no OAuth function', () => {
  // The remaining key seals the request states of elicitation.
  expect(resourcesOf(template, 'AWS::KMS::Key').map(([id]) => id)).toEqual(['SealKeyC5072D71']);
  expect(resourcesOf(template, 'AWS::Cognito::UserPool')).toEqual([]);
  const functions = resourcesOf(template, 'AWS::Lambda::Function').map(([id]) => id.replace(/Function\w+$/, ''));
  expect(functions.sort()).toEqual(['Authorizer', 'Discovery', 'Mcp', 'Rollup', 'Worker']);
});

test.each([
  ['Authorizer', authorizerVariables],
  ['Discovery', discoveryVariables],
  ['Mcp', mcpVariables],
  ['Worker', mcpVariables],
  ['Rollup', aggregationVariables],
])('the environment of %s has all variables that its function reads, and no others', (name, variables) => {
  const environment = environmentOf(name);
  expect(() => readEnvironment(variables, environment)).not.toThrow();
  expect(Object.keys(variables)).toEqual(expect.arrayContaining(Object.keys(environment)));
});

test('the authorizer accepts the provider’s tokens with the MCP URL or the configured audience', () => {
  const { PUBLIC_URL, ...rest } = environmentOf('Authorizer');
  expect(rest).toEqual({
    DIRECT_ISSUER: 'https://example.authkit.app',
    DIRECT_AUDIENCE: `${PUBLIC_URL}/mcp`,
    DIRECT_GROUP_CLAIMS: 'roles role',
    DIRECT_GROUPS: '["admins","*"]',
  });
  const configured = { audience: 'https://mcp.example.com', jwksUri: 'https://example.authkit.app/oauth2/jwks' };
  const identityProvider = { ...props.identityProvider!, ...configured };
  expect(environmentOf('Authorizer', synthesize({ identityProvider }))).toMatchObject({
    DIRECT_AUDIENCE: configured.audience,
    DIRECT_JWKS_URI: configured.jwksUri,
  });
});

test('clients request the profile’s scopes without openid and offline_access, or the configured scopes', () => {
  const scopesIn = (from: SynthesizedTemplate) => {
    const { ResponseParameters } = resourcesOf(from, 'AWS::ApiGateway::GatewayResponse').find(
      ([, { Properties }]) => Properties.ResponseType === 'UNAUTHORIZED',
    )![1].Properties;
    const challenge = ResponseParameters['gatewayresponse.header.WWW-Authenticate'];
    return [
      environmentOf('Discovery', from).SCOPES,
      /scope="([^"]*)"/.exec(JSON.stringify(resolve(challenge)).replaceAll('\\', ''))?.[1],
    ];
  };
  expect(scopesIn(template)).toEqual(['profile email', 'profile email']);
  const identityProvider = { ...props.identityProvider!, scopes: ['openid', 'notes'] };
  expect(scopesIn(synthesize({ identityProvider }))).toEqual(['openid notes', 'openid notes']);
});

test('the authorizer accepts only the facade’s tokens in facade mode', () => {
  expect(Object.keys(environmentOf('Authorizer', synthesize()))).toEqual(['PUBLIC_URL', 'ACCESS_TOKEN_KEYS']);
});

test('discovery and the server’s page are the only open routes, and no absent method has a throttle', () => {
  const paths = resourcesOf(template, 'AWS::ApiGateway::Resource').map(([, { Properties }]) => Properties.PathPart);
  expect(paths.sort()).toEqual(['.well-known', 'favicon.ico', 'mcp', 'mcp', 'oauth-protected-resource']);
  const { MethodSettings } = onlyOne(template, 'AWS::ApiGateway::Stage').Properties;
  expect(MethodSettings.map(({ ResourcePath }: { ResourcePath: string }) => ResourcePath)).toEqual(['/*']);
});

test('no function has more permissions than in facade mode, and the discovery function can only log', () => {
  const actionsOf = (from: SynthesizedTemplate, name: string) =>
    resourcesOf(from, 'AWS::IAM::Policy')
      .filter(([, { Properties }]) =>
        Properties.Roles.some(({ Ref }: { Ref: string }) => Ref.startsWith(`${name}Role`)),
      )
      .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement)
      .map(({ Action, Condition }) => JSON.stringify([Action, Condition]));
  for (const name of ['Authorizer', 'Mcp', 'Worker']) {
    expect(actionsOf(template, name)).toEqual(actionsOf(synthesize(), name));
  }
  expect(actionsOf(template, 'Discovery').join()).not.toMatch(/dynamodb|kms|secretsmanager/);
});

describe('with a client id', () => {
  const clientSecret = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:holdfast-AbCdEf';
  const identityProvider = { ...props.identityProvider!, clientId: 'holdfast', clientSecret };
  const withDashboard = synthesize({ identityProvider });

  test('the stack has a dashboard, its sign-in and its outputs, and no other endpoint of the facade', () => {
    const functions = resourcesOf(withDashboard, 'AWS::Lambda::Function').map(([id]) => id.replace(/Function\w+$/, ''));
    expect(functions.sort()).toEqual(['Authorizer', 'Dashboard', 'Discovery', 'Mcp', 'Rollup', 'SignIn', 'Worker']);
    const paths = resourcesOf(withDashboard, 'AWS::ApiGateway::Resource').map(
      ([, { Properties }]) => Properties.PathPart,
    );
    expect(paths.sort()).toEqual(
      ['.well-known', 'favicon.ico', 'mcp', 'mcp', 'oauth-protected-resource']
        .concat(...['callback', 'dashboard', 'sign-in', '{proxy+}'])
        .sort(),
    );
    const { MethodSettings } = onlyOne(withDashboard, 'AWS::ApiGateway::Stage').Properties;
    const throttled = MethodSettings.map(({ ResourcePath }: { ResourcePath: string }) => ResourcePath);
    expect(throttled.sort()).toEqual(['/*', '/~1callback', '/~1dashboard~1sign-in']);
    expect(Object.keys(withDashboard.Outputs)).toEqual([
      'CallbackUrl',
      'McpUrl',
      'DashboardUrl',
      'TableName',
      'Deployment',
    ]);
  });

  test.each([
    ['SignIn', dashboardSignInVariables],
    ['Dashboard', dashboardVariables],
    ['Discovery', discoveryVariables],
  ])('the environment of %s has all variables that its function reads, and no others', (name, variables) => {
    const environment = environmentOf(name, withDashboard);
    expect(() => readEnvironment(variables, environment)).not.toThrow();
    expect(Object.keys(variables)).toEqual(expect.arrayContaining(Object.keys(environment)));
  });

  test('a sign-in requests the identity of the user, and the scopes of clients stay as they are', () => {
    const scopes = ['notes'];
    const stack = synthesize({ identityProvider: { ...identityProvider, scopes } });
    expect([environmentOf('SignIn', stack).IDP_DASHBOARD_SCOPES, environmentOf('Discovery', stack).SCOPES]).toEqual([
      'openid profile email',
      'notes',
    ]);
  });

  test('the stack without a dashboard is that without a client id', () => {
    expect(Object.keys(synthesize({ identityProvider, dashboard: false }).Resources)).toEqual(
      Object.keys(template.Resources),
    );
  });
});

test('the stack has no output for a callback URL', () => {
  expect(Object.keys(template.Outputs)).toEqual(['McpUrl', 'TableName', 'Deployment']);
});
