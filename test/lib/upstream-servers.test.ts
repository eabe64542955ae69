import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Code, FunctionUrlAuthType, Function as Lambda, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Holdfast, type HoldfastProps } from '../../lib/holdfast-construct.ts';
import { resolveSettings } from '../../lib/settings/holdfast-settings.ts';

/** The setting `upstreams`. */

const newStack = () =>
  new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] }, builtinCloudFormationValidation: false }), 'Owner');

function pythonFunction(stack: Stack) {
  const code = Code.fromInline('pass');
  return new Lambda(stack, 'Orders', { runtime: Runtime.PYTHON_3_13, handler: 'index.handler', code });
}

/** The statements of a function's role. */
function statementsOf(template: Template, name: string) {
  const policies = Object.entries(template.findResources('AWS::IAM::Policy'));
  const [, policy] = policies.find(([id]) => id.startsWith(`${name}RoleDefaultPolicy`))!;
  return policy.Properties.PolicyDocument.Statement as { Action: string | string[]; Resource: unknown }[];
}

const variablesOf = (template: Template, name: string) =>
  Object.entries(template.findResources('AWS::Lambda::Function')).find(([id]) => id.startsWith(name))![1].Properties
    .Environment.Variables;

const synthesized = (props: HoldfastProps) => {
  const stack = newStack();
  const holdfast = new Holdfast(stack, 'Default', props);
  return { holdfast, template: Template.fromStack(stack) };
};

describe('a server by URL', () => {
  const url = 'https://orders.example.com/mcp';
  const { holdfast, template } = synthesized({ upstreams: { orders: { url } } });

  test('reaches the MCP function and the worker by name', () => {
    for (const name of ['Mcp', 'Worker']) {
      expect(JSON.parse(variablesOf(template, name).UPSTREAMS)).toEqual({ orders: { url } });
    }
    expect(variablesOf(template, 'OAuth').UPSTREAMS).toBeUndefined();
  });

  test('has assertions signed by a separate key, which no other function may use', () => {
    const keyId = variablesOf(template, 'Mcp').UPSTREAM_KEY_ID.Ref;
    const keyed = (name: string) =>
      statementsOf(template, name)
        .filter(({ Resource }) => JSON.stringify(Resource).includes(keyId))
        .map(({ Action }) => Action);
    // The key is named by its public key.
    const sign = ['kms:Sign', 'kms:GetPublicKey'];
    expect(keyed('Mcp')).toEqual([sign]);
    expect(keyed('Worker')).toEqual([sign]);
    expect(keyed('UpstreamKeys')).toEqual(['kms:GetPublicKey']);
    for (const name of ['OAuth', 'Dashboard', 'Rollup']) expect(keyed(name)).toEqual([]);
    const signing = variablesOf(template, 'OAuth').SIGN_KEY_ID.Ref;
    expect(signing).not.toBe(keyId);
    for (const name of ['Mcp', 'Worker', 'UpstreamKeys']) {
      expect(JSON.stringify(statementsOf(template, name))).not.toContain(signing);
    }
  });

  test('has an issuer that is not the issuer of access tokens', () => {
    expect(holdfast.upstreamIssuer).toBe(`${holdfast.mcpUrl.slice(0, -'/mcp'.length)}/upstream`);
  });
});

test('two keys of assertions are published, and the first signs', () => {
  const { template } = synthesized({ upstreams: {}, upstreamSigningKeys: ['2', '1'] });
  const { Ref: signing } = variablesOf(template, 'Mcp').UPSTREAM_KEY_ID;
  const [, parts] = variablesOf(template, 'UpstreamKeys').UPSTREAM_KEY_IDS['Fn::Join'];
  const [first, second] = [parts[0].Ref, parts[2].Ref];
  expect([signing, parts[1]]).toEqual([first, ' ']);
  const initial = Object.keys(synthesized({ upstreams: {} }).template.findResources('AWS::KMS::Key'));
  expect(initial).toContain(second);
  expect(initial).not.toContain(first);
  expect(JSON.stringify(statementsOf(template, 'Mcp'))).not.toContain(second);
  const published = statementsOf(template, 'UpstreamKeys').filter(({ Action }) => Action === 'kms:GetPublicKey');
  expect(JSON.stringify(published)).toContain(first);
  expect(JSON.stringify(published)).toContain(second);
});

test('names of keys are rejected that a logical id cannot contain', () => {
  expect(() => resolveSettings({ upstreamSigningKeys: ['a b'] })).toThrow(
    'upstreamSigningKeys has "a b": use 1 to 32 letters and digits',
  );
  expect(() => resolveSettings({ upstreamSigningKeys: [] })).toThrow('upstreamSigningKeys is empty');
});

describe('a server by the URL of its Lambda function', () => {
  const stack = newStack();
  const orders = pythonFunction(stack);
  const functionUrl = orders.addFunctionUrl({ authType: FunctionUrlAuthType.AWS_IAM });
  const holdfast = new Holdfast(stack, 'Default', { upstreams: { orders: { functionUrl, audience: 'orders' } } });
  orders.addEnvironment('ISSUER', holdfast.upstreamIssuer!);
  const template = Template.fromStack(stack);

  test('is invoked by the roles of the MCP function and the worker, with both permissions of function URLs', () => {
    for (const name of ['Mcp', 'Worker']) {
      const invoking = statementsOf(template, name).filter(({ Action }) => String(Action).includes('InvokeFunction'));
      const target = { 'Fn::GetAtt': [Match.stringLikeRegexp('Orders'), 'Arn'] };
      template.hasResourceProperties('AWS::IAM::Policy', {
        PolicyDocument: {
          Statement: Match.arrayWith([
            {
              Action: 'lambda:InvokeFunctionUrl',
              Effect: 'Allow',
              Resource: target,
              Condition: { StringEquals: { 'lambda:FunctionUrlAuthType': 'AWS_IAM' } },
            },
            {
              Action: 'lambda:InvokeFunction',
              Effect: 'Allow',
              Resource: target,
              Condition: { Bool: { 'lambda:InvokedViaFunctionUrl': true } },
            },
          ]),
        },
      });
      expect(invoking.map(({ Action }) => Action)).toEqual(
        expect.arrayContaining(['lambda:InvokeFunctionUrl', 'lambda:InvokeFunction']),
      );
    }
  });

  test('has its address and its audience in the variables of the functions', () => {
    const { 'Fn::Join': join } = variablesOf(template, 'Mcp').UPSTREAMS;
    const text = join[1].map((part: unknown) => (typeof part === 'string' ? part : 'https://f.example/')).join('');
    expect(JSON.parse(text)).toEqual({ orders: { url: 'https://f.example/mcp', audience: 'orders', iam: true } });
  });
});

test('without the setting, the stack has neither key nor function for upstream servers', () => {
  const { holdfast, template } = synthesized({});
  expect(holdfast.upstreamIssuer).toBeUndefined();
  expect(JSON.stringify(template.toJSON())).not.toMatch(/upstream_key|upstreams|UpstreamKeys/i);
});

describe('invalid settings', () => {
  const stack = newStack();
  const open = pythonFunction(stack).addFunctionUrl({ authType: FunctionUrlAuthType.NONE });
  const url = 'https://a.example/mcp';

  test.each<[NonNullable<HoldfastProps['upstreams']>, string]>([
    [{ 'my-server': { url } }, 'upstreams has "my-server": choose a name of a-z, 0-9 and _, such as orders'],
    [{ a: {} }, 'upstreams.a needs url or functionUrl, not both'],
    [{ a: { url, functionUrl: open } }, 'upstreams.a needs url or functionUrl, not both'],
    [{ a: { url: 'http://a.example/mcp' } }, 'upstreams.a.url is "http://a.example/mcp": write an https URL'],
    [{ a: { url: `${url}?key=1` } }, 'write an https URL without a query'],
    [{ a: { url, path: '/x' } }, 'upstreams.a.path is "/x": it belongs to functionUrl'],
    [{ a: { functionUrl: open } }, 'upstreams.a.functionUrl has the authorization type NONE: use AWS_IAM'],
    [{ a: { url, audience: '' } }, 'upstreams.a.audience is empty'],
    [{ a: { url }, b: { url } }, 'upstreams.b has the audience of a: choose another audience'],
  ])('%o are rejected', (upstreams, message) => {
    expect(() => resolveSettings({ upstreams })).toThrow(message);
  });

  test('http is allowed on this computer', () => {
    expect(() => resolveSettings({ upstreams: { a: { url: 'http://localhost:8000/mcp' } } })).not.toThrow();
  });
});
