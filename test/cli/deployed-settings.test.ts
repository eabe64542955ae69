import { defaultSettings, settingsIn } from '../../cli/target/deployed-settings.ts';

const template = (variables: object) =>
  JSON.stringify({
    Resources: {
      Bucket: { Type: 'AWS::S3::Bucket' },
      Function: { Type: 'AWS::Lambda::Function', Properties: { Environment: { Variables: variables } } },
    },
  });

test('settingsIn reads the settings from the environment of the functions', () => {
  const variables = { AUDIT_RETENTION_DAYS: '90', GRANT_IDLE_DAYS: '7', MCP_SESSION_TTL_HOURS: '1.5' };
  expect(settingsIn(template(variables))).toEqual({
    retentionDays: 90,
    grantIdleSeconds: 7 * 86_400,
    sessionTtlSeconds: 5400,
    isDirect: false,
  });
  expect(settingsIn(template({ DIRECT_ISSUER: 'https://idp.example' })).isDirect).toBe(true);
});

test('settingsIn uses the defaults for variables that are missing or refer to another resource', () => {
  expect(settingsIn(template({ AUDIT_RETENTION_DAYS: { Ref: 'Days' } }))).toEqual({
    ...defaultSettings,
    isDirect: false,
  });
});
