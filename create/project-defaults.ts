/** Versions and settings of new projects. The build writes them into the package, so that it needs no network. */
export type ProjectDefaults = {
  /** Version ranges by package name. */
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  /** Those of TypeScript projects alone. */
  typescriptDevDependencies: Record<string, string>;
  /** The feature flags of the CDK that Holdfast is tested with, for cdk.json. */
  context: Record<string, unknown>;
};
