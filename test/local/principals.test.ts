import { AccessDenied, emulatorPrincipal, FunctionPrincipals, UnrecognizedClient } from '../../local/iam/principals.ts';

const request = {
  action: 'dynamodb:GetItem',
  resource: 'arn:aws:dynamodb:us-east-1:000000000000:table/Sessions',
  context: { 'dynamodb:LeadingKeys': ['CO#abc'] },
};

it('allows each function the actions of its role', () => {
  const principals = new FunctionPrincipals();
  principals.add('ID1', {
    functionName: 'Mcp',
    statements: [{ Effect: 'Allow', Action: 'dynamodb:*', Resource: '*' }],
  });
  principals.add('ID2', { functionName: 'Authorizer', statements: [] });
  expect(() => principals.authorize('ID1', request)).not.toThrow();
  expect(() => principals.authorize('ID2', request)).toThrow(AccessDenied);
});

it('names function, action, resource and condition keys in its AccessDenied', () => {
  const principals = new FunctionPrincipals();
  principals.add('ID', { functionName: 'Mcp', statements: [] });
  expect(() => principals.authorize('ID', request)).toThrow(
    'User: arn:aws:sts::000000000000:assumed-role/Mcp/local is not authorized to perform: dynamodb:GetItem ' +
      'on resource: arn:aws:dynamodb:us-east-1:000000000000:table/Sessions because no identity-based policy of Mcp ' +
      'allows the dynamodb:GetItem action (dynamodb:LeadingKeys: CO#abc)',
  );
});

it('rejects an unknown access key id', () => {
  expect(() => new FunctionPrincipals().authorize('ID', request)).toThrow(UnrecognizedClient);
});

it('allows the emulator all actions', () => {
  const principals = new FunctionPrincipals();
  principals.add('ID', emulatorPrincipal);
  expect(() => principals.authorize('ID', request)).not.toThrow();
});

it('rejects a role with an unsupported statement when it is added', () => {
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
