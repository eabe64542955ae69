import { AccessDenied, emulatorPrincipal, FunctionPrincipals, UnrecognizedClient } from '../../local/iam/principals.ts';

const asked = {
  action: 'dynamodb:GetItem',
  resource: 'arn:aws:dynamodb:us-east-1:000000000000:table/Sessions',
  context: { 'dynamodb:LeadingKeys': ['CO#abc'] },
};

it('lets each function do what its own role allows', () => {
  const principals = new FunctionPrincipals();
  principals.add('ID1', {
    functionName: 'Mcp',
    statements: [{ Effect: 'Allow', Action: 'dynamodb:*', Resource: '*' }],
  });
  principals.add('ID2', { functionName: 'Authorizer', statements: [] });
  expect(() => principals.authorize('ID1', asked)).not.toThrow();
  expect(() => principals.authorize('ID2', asked)).toThrow(AccessDenied);
});

it('names function, action, resource and keys in its refusal', () => {
  const principals = new FunctionPrincipals();
  principals.add('ID', { functionName: 'Mcp', statements: [] });
  expect(() => principals.authorize('ID', asked)).toThrow(
    'User: arn:aws:sts::000000000000:assumed-role/Mcp/local is not authorized to perform: dynamodb:GetItem ' +
      'on resource: arn:aws:dynamodb:us-east-1:000000000000:table/Sessions because no identity-based policy of Mcp ' +
      'allows the dynamodb:GetItem action (dynamodb:LeadingKeys: CO#abc)',
  );
});

it('knows nobody it was not told of', () => {
  expect(() => new FunctionPrincipals().authorize('ID', asked)).toThrow(UnrecognizedClient);
});

it('lets the local cloud itself do everything', () => {
  const principals = new FunctionPrincipals();
  principals.add('ID', emulatorPrincipal);
  expect(() => principals.authorize('ID', asked)).not.toThrow();
});

it('refuses a role it could not evaluate when it is added', () => {
  const statement = {
    Effect: 'Allow' as const,
    Action: '*',
    Resource: '*',
    Condition: { DateLessThan: { k: '2027' } },
  };
  expect(() => new FunctionPrincipals().add('ID', { functionName: 'Mcp', statements: [statement] })).toThrow(
    'DateLessThan',
  );
});
