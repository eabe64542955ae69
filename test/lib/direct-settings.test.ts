import {
  aggregationVariables,
  authorizerVariables,
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

/** Direct mode: what is left of the stack when the identity provider issues the tokens. */

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

test('there is no signing key, there are no users and no OAuth function', () => {
  // What it seals is what tools give clients to bring back.
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
])('%s finds the environment it reads, and nothing else', (name, variables) => {
  const environment = environmentOf(name);
  expect(() => readEnvironment(variables, environment)).not.toThrow();
  expect(Object.keys(variables)).toEqual(expect.arrayContaining(Object.keys(environment)));
});

test('the authorizer trusts the provider’s tokens for this server, or for the audience the owner names', () => {
  const { PUBLIC_URL, ...rest } = environmentOf('Authorizer');
  expect(rest).toEqual({
    DIRECT_ISSUER: 'https://example.authkit.app',
    DIRECT_AUDIENCE: `${PUBLIC_URL}/mcp`,
    DIRECT_GROUP_CLAIMS: 'roles role',
  });
  const own = { audience: 'https://mcp.example.com', jwksUri: 'https://example.authkit.app/oauth2/jwks' };
  const identityProvider = { ...props.identityProvider!, ...own };
  expect(environmentOf('Authorizer', synthesize({ identityProvider }))).toMatchObject({
    DIRECT_AUDIENCE: own.audience,
    DIRECT_JWKS_URI: own.jwksUri,
  });
});

test('behind the facade it trusts nobody else', () => {
  expect(Object.keys(environmentOf('Authorizer', synthesize()))).toEqual(['PUBLIC_URL']);
});

test('only discovery is open, and nothing has limits of its own that is not there', () => {
  const paths = resourcesOf(template, 'AWS::ApiGateway::Resource').map(([, { Properties }]) => Properties.PathPart);
  expect(paths.sort()).toEqual(['.well-known', 'mcp', 'mcp', 'oauth-protected-resource']);
  const { MethodSettings } = onlyOne(template, 'AWS::ApiGateway::Stage').Properties;
  expect(MethodSettings.map(({ ResourcePath }: { ResourcePath: string }) => ResourcePath)).toEqual(['/*']);
});

test('no function may do more than behind the facade, and the discovery function may only log', () => {
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

test('no callback is there to be registered', () => {
  expect(Object.keys(template.Outputs)).toEqual(['McpUrl', 'TableName']);
});
