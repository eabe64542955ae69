/** The exports of `holdfast`, for a CDK app. */
export { declareScopes, type Scope, type ScopeSet } from '../lambda/shared/scope-set.ts';
export { ChangedTemplateValidation } from './changed-template-validation.ts';
export { Holdfast, type HoldfastProps } from './holdfast-construct.ts';
export { HoldfastStack, type HoldfastStackProps } from './holdfast-stack.ts';
export { ConfigurationError } from './settings/configuration-error.ts';
export type { HoldfastSettings } from './settings/holdfast-settings.ts';
export { settingsFromContext } from './settings/settings-from-context.ts';
