// biome-ignore-all lint/suspicious/noTemplateCurlyInString: CloudFormation writes its placeholders like that
import { roleStatements } from '../../local/iam/role-statements.ts';
import { Template, type TemplateJson } from '../../local/template/template.ts';

const options = {
  attributes: (logicalId: string) => ({
    Arn: `arn:aws:test:us-east-1:000000000000:${logicalId}`,
    'Endpoint.Host': 'db',
  }),
  origins: [['https://d1.cloudfront.net', 'http://127.0.0.1:8787'] as [string, string]],
};

function read(json: TemplateJson, more: Partial<ConstructorParameters<typeof Template>[1]> = {}) {
  return new Template(json, { ...options, ...more });
}

/** The property `value` of a resource, resolved. */
function resolved(value: unknown, json: TemplateJson = {}) {
  const Resources = {
    Thing: { Type: 'Test::Thing', Properties: { value } },
    Other: { Type: 'Test::Other' },
    ...json.Resources,
  };
  return read({ ...json, Resources }).resource('Thing').properties.value;
}

describe('an intrinsic function', () => {
  test.each([
    ['Ref of a resource', { Ref: 'Other' }, 'Other'],
    ['Ref of a pseudo parameter', { Ref: 'AWS::Region' }, 'us-east-1'],
    ['Fn::GetAtt', { 'Fn::GetAtt': ['Other', 'Arn'] }, 'arn:aws:test:us-east-1:000000000000:Other'],
    ['Fn::GetAtt with a dot in the attribute', { 'Fn::GetAtt': ['Other', 'Endpoint.Host'] }, 'db'],
    ['Fn::Join', { 'Fn::Join': ['-', ['a', { Ref: 'AWS::AccountId' }, 1]] }, 'a-000000000000-1'],
    [
      'Fn::Sub',
      { 'Fn::Sub': '${AWS::Partition}:${Other}:${Other.Arn}:${!Literal}' },
      'aws:Other:arn:aws:test:us-east-1:000000000000:Other:${Literal}',
    ],
    [
      'Fn::Sub with variables',
      { 'Fn::Sub': ['${a}.${AWS::URLSuffix}', { a: { Ref: 'Other' } }] },
      'Other.amazonaws.com',
    ],
    ['Fn::Select of Fn::Split', { 'Fn::Select': [1, { 'Fn::Split': [':', 'a:b:c'] }] }, 'b'],
    ['Fn::Base64', { 'Fn::Base64': { Ref: 'Other' } }, 'T3RoZXI='],
  ])('is resolved: %s', (_, value, expected) => {
    expect(resolved(value)).toBe(expected);
  });

  test('is resolved: Fn::FindInMap', () => {
    const Mappings = { Sizes: { 'us-east-1': { memory: 512 } } };
    expect(resolved({ 'Fn::FindInMap': ['Sizes', { Ref: 'AWS::Region' }, 'memory'] }, { Mappings })).toBe(512);
  });

  test('is not an IAM statement with a key named Condition', () => {
    const statement = { Condition: { StringEquals: { a: 'b' } } };
    expect(resolved(statement)).toEqual(statement);
  });

  test('that is not supported is an error that names the resource', () => {
    expect(() => resolved({ 'Fn::ImportValue': 'x' })).toThrow(/Thing: .* Fn::ImportValue/);
  });

  test('for an attribute without a local value is an error that names both resources', () => {
    expect(() => resolved({ 'Fn::GetAtt': ['Other', 'Name'] })).toThrow(/Thing: .*Name of Other \(Test::Other\)/);
  });

  test('that refers to a missing resource is an error', () => {
    expect(() => resolved({ Ref: 'Gone' })).toThrow(/Thing: the template has no resource Gone/);
  });
});

describe('parameters and conditions', () => {
  const Parameters = { Stage: { Type: 'String', Default: 'dev' }, Secret: { Type: 'String' } };
  const Conditions = {
    IsDev: { 'Fn::Equals': [{ Ref: 'Stage' }, 'dev'] },
    IsProd: { 'Fn::Not': [{ Condition: 'IsDev' }] },
    Either: { 'Fn::Or': [{ Condition: 'IsProd' }, { Condition: 'IsDev' }] },
    Both: { 'Fn::And': [{ Condition: 'IsProd' }, { Condition: 'IsDev' }] },
  };

  test('a parameter resolves to its default', () => {
    expect(resolved({ Ref: 'Stage' }, { Parameters })).toBe('dev');
  });

  test('a parameter without a default is an error', () => {
    expect(() => resolved({ Ref: 'Secret' }, { Parameters })).toThrow(/parameter Secret has no default/);
  });

  test.each([
    ['IsDev', 'yes'],
    ['IsProd', 'no'],
    ['Either', 'yes'],
    ['Both', 'no'],
  ])('Fn::If evaluates the condition %s', (condition, expected) => {
    expect(resolved({ 'Fn::If': [condition, 'yes', 'no'] }, { Parameters, Conditions })).toBe(expected);
  });

  test('the unused branch of Fn::If may refer to a resource that does not exist', () => {
    const Resources = { Never: { Type: 'Test::Never', Condition: 'IsProd' } };
    const value = { 'Fn::If': ['IsProd', { 'Fn::GetAtt': ['Never', 'Arn'] }, 'none'] };
    expect(resolved(value, { Parameters, Conditions, Resources })).toBe('none');
  });

  test('a resource whose condition is false is not listed, and referring to it is an error', () => {
    const Resources = { Never: { Type: 'Test::Never', Condition: 'IsProd' } };
    expect(read({ Parameters, Conditions, Resources }).resources('Test::Never')).toEqual([]);
    expect(() => resolved({ Ref: 'Never' }, { Parameters, Conditions, Resources })).toThrow(/condition is false/);
  });

  test('AWS::NoValue removes the property or the entry', () => {
    const none = { 'Fn::If': ['IsProd', 'x', { Ref: 'AWS::NoValue' }] };
    expect(resolved({ other: 1, removed: none, list: [none, 2] }, { Parameters, Conditions })).toEqual({
      other: 1,
      list: [2],
    });
  });
});

describe('the origin map', () => {
  const attributes = () => ({ DomainName: 'd1.cloudfront.net' });
  const Resources = {
    Front: { Type: 'AWS::CloudFront::Distribution' },
    Thing: {
      Type: 'Test::Thing',
      Properties: {
        url: { 'Fn::Join': ['', ['https://', { 'Fn::GetAtt': ['Front', 'DomainName'] }, '/mcp']] },
        host: { 'Fn::GetAtt': ['Front', 'DomainName'] },
        longer: 'https://d1.cloudfront.net.evil.example',
        inside: ['see https://d1.cloudfront.net, or call'],
      },
    },
  };

  test('replaces the deployed origin in all strings, also in joined ones', () => {
    expect(read({ Resources }, { attributes }).resource('Thing').properties).toEqual({
      url: 'http://127.0.0.1:8787/mcp',
      host: 'd1.cloudfront.net',
      longer: 'https://d1.cloudfront.net.evil.example',
      inside: ['see http://127.0.0.1:8787, or call'],
    });
  });
});

describe('the statements of a role', () => {
  const allow = (action: string) => ({ Effect: 'Allow', Action: action, Resource: { 'Fn::GetAtt': ['Table', 'Arn'] } });
  const resolvedAllow = (action: string) => ({
    ...allow(action),
    Resource: 'arn:aws:test:us-east-1:000000000000:Table',
  });
  const policy = (...actions: string[]) => ({ Statement: actions.map(allow) });
  const Resources = {
    Table: { Type: 'AWS::DynamoDB::Table' },
    Role: {
      Type: 'AWS::IAM::Role',
      Properties: {
        Policies: [{ PolicyName: 'inline', PolicyDocument: policy('a:Inline') }],
        ManagedPolicyArns: [{ Ref: 'Managed' }],
      },
    },
    Attached: {
      Type: 'AWS::IAM::Policy',
      Properties: { Roles: [{ Ref: 'Role' }], PolicyDocument: policy('a:One', 'a:Two') },
    },
    Managed: { Type: 'AWS::IAM::ManagedPolicy', Properties: { PolicyDocument: { Statement: allow('a:Managed') } } },
    Foreign: {
      Type: 'AWS::IAM::Policy',
      Properties: { Roles: [{ Ref: 'Other' }], PolicyDocument: policy('a:Foreign') },
    },
    Other: { Type: 'AWS::IAM::Role', Properties: {} },
  };

  test('are the resolved statements of its inline, attached and managed policies', () => {
    expect(roleStatements(read({ Resources }), 'Role')).toEqual(
      ['a:Inline', 'a:One', 'a:Two', 'a:Managed'].map(resolvedAllow),
    );
  });

  test.each([
    [
      'a policy that AWS manages',
      { ManagedPolicyArns: [{ 'Fn::Sub': 'arn:${AWS::Partition}:iam::aws:policy/Admin' }] },
      /arn:aws:iam::aws:policy\/Admin/,
    ],
    ['a permissions boundary', { PermissionsBoundary: 'arn:aws:iam::1:policy/x' }, /permissions boundaries/],
  ])('are an error for %s', (_, Properties, message) => {
    const role = { Type: 'AWS::IAM::Role', Properties };
    expect(() => roleStatements(read({ Resources: { Role: role } }), 'Role')).toThrow(message);
  });
});
