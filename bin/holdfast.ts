import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { HoldfastStack } from '../lib/holdfast-stack.ts';
import { ConfigurationError } from '../lib/settings/configuration-error.ts';
import { settingsFromContext } from '../lib/settings/settings-from-context.ts';

const app = new App();
Validations.of(app).addPlugins(new AwsSolutionsChecks());

try {
  const settings = settingsFromContext(app.node);
  new HoldfastStack(app, 'Holdfast', {
    ...settings,
    // A stack for each stage, so that a deployment without `-c stage=prod` cannot weaken the one that matters.
    stackName: `Holdfast-${settings.stage ?? 'dev'}`,
    description: 'Holdfast: a remote MCP server, its sign-in and its sessions',
    // The example tools in lambda/server.ts ask the identity provider who the user is. In direct mode they cannot.
    upstreamTokens: settings.identityProvider?.mode !== 'direct',
  });
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  console.error(error.message);
  process.exit(1);
}
