import { App, Validations } from 'aws-cdk-lib/core';
import { ChangedTemplateValidation } from '../lib/changed-template-validation.ts';
import { HoldfastStack } from '../lib/holdfast-stack.ts';
import { EMULATOR_VARIABLE } from '../lib/package-files.ts';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import { settingsFromContext } from '../lib/settings/settings-from-context.ts';
import { ChangedAppChecks } from './solutions-checks.ts';

const app = new App();
// The CDK sets both when it has credentials. Without them it names a region that was not chosen.
const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
// They are about a deployment, and take a part of the start of the local emulator.
if (process.env[EMULATOR_VARIABLE] === undefined) {
  Validations.of(app).addPlugins(new ChangedTemplateValidation(), new ChangedAppChecks());
}

try {
  const settings = settingsFromContext(app.node);
  new HoldfastStack(app, 'Holdfast', {
    ...settings,
    ...(account && { env: { account, region } }),
    // One stack per stage, so that a deployment without `-c stage=prod` cannot weaken the prod stack.
    stackName: `Holdfast-${settings.stage ?? 'dev'}`,
    description: 'Holdfast: a remote MCP server with OAuth sign-in and persistent sessions',
    // The example tools in lambda/server.ts call the identity provider's userinfo endpoint, except in direct mode.
    upstreamTokens: settings.identityProvider?.mode !== 'direct',
  });
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  console.error(error.message);
  process.exit(1);
}
