import {
  type FunctionEnvironment,
  identityProvider,
  list,
  oneOf,
  optional,
  origin,
  parameters,
  text,
} from './environment.ts';

/** In direct mode with a dashboard: the function that signs its users in. */
export const dashboardSignInVariables = {
  PUBLIC_URL: origin,
  TABLE_NAME: text,
  ...identityProvider,
  IDP_DASHBOARD_SCOPES: list,
  IDP_DASHBOARD_PARAMETERS: parameters,
  /** Both only with the setting `showNames`: the claim of the id token with the user's name, and the key that seals it. */
  NAME_CLAIM: optional(oneOf('name', 'email')),
  SEAL_KEY_ID: optional(text),
};

export type DashboardSignInEnvironment = FunctionEnvironment<typeof dashboardSignInVariables>;
