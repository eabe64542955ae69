import { Annotations, FeatureFlags } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';

/** The feature flags of the CDK that change the template, with the effect. No other one does. */
export const checkedFlags = {
  '@aws-cdk/aws-apigateway:authorizerChangeDeploymentLogicalId':
    'otherwise the API does not change when its authorizer does',
  '@aws-cdk/aws-apigateway:logGroupDestinationArnWithoutWildcard':
    'otherwise drift detection always reports the stage of the API as changed',
  '@aws-cdk/aws-iam:minimizePolicies': 'otherwise policies are larger, and may exceed the size that IAM allows',
} as const;

/** The flag that changes the template if the MCP function has versions. */
export const versionFlags = {
  '@aws-cdk/aws-lambda:recognizeLayerVersion': 'otherwise a change of a layer creates no version of the function',
} as const;

/** Warns of each flag that the app does not set, with the line to add. None of them replaces a resource that holds data. */
export function checkFeatureFlags(scope: Construct, { hasVersions }: { hasVersions: boolean }): void {
  const flags: Record<string, string> = { ...checkedFlags, ...(hasVersions && versionFlags) };
  for (const [flag, effect] of Object.entries(flags)) {
    if (FeatureFlags.of(scope).isEnabled(flag)) continue;
    Annotations.of(scope).addWarningV2(
      `holdfast:${flag}`,
      `Add "${flag}": true to "context" in cdk.json: ${effect}. Holdfast is tested with this flag.`,
    );
  }
}
