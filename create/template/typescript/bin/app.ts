import { App, Validations } from 'aws-cdk-lib/core';
import { ChangedTemplateValidation, HoldfastStack, settingsFromContext } from 'holdfast';

const app = new App();
// A template that was valid is not validated again.
Validations.of(app).addPlugins(new ChangedTemplateValidation());
// Settings of cdk.json and of the command line, such as `-c stage=prod`.
const settings = settingsFromContext(app.node);
// The CDK sets both when it has credentials. Settings that do not fit the region are then rejected.
const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;

export const stack = new HoldfastStack(app, 'MyServer', {
  ...settings,
  ...(account && { env: { account, region } }),
  server: 'src/server.ts',
  // One stack for each stage: a deployment without `-c stage=prod` does not change the stack of prod.
  stackName: `MyServer-${settings.stage ?? 'dev'}`,
});
